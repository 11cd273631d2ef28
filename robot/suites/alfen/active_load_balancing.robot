*** Settings ***
Documentation       Active Load Balancing with a smart meter: Alfen smart charging implementation guide, 5.1, 5.3.3.1,
...                 5.3.4.1. Each test runs in four houses, one for each way to measure (site alfen/four-houses), with
...                 a maximum smart meter current of 25 A, unless it is about one of them.
...
...                 The guide prints no tolerances: half an ampere is the catalogue's, and 1 A for what a P1 meter
...                 shows, which tells whole amperes.
Resource            alb.resource
Test Tags           alfen    alb


*** Variables ***
${RECEIVED_CP1}     devices.CP1.parameters.Received Measurements
${PROBING}          Chameleon min current (A)


*** Test Cases ***
The Vehicle Takes What The House Leaves Of The Maximum
    [Tags]    ALF-ALB-002    ALF-ALB-024
    [Setup]    Start With Vehicles    phases=3
    [Template]    House Load Leaves And Fills
    # house           left      main connection
    0 A               25 A      25 A
    10.8 A            14.2 A    25 A
    3.3/17.8/9.4 A    7.2 A     10.5/25/16.6 A
    0 A               25 A      25 A

The Station's Own Limits Hold Beside What The Meter Leaves
    [Documentation]    In addition to its static limits a station with ALB looks at the meter (5.1); the lowest leads
    ...    (2.7.1, 9.1). Houses 1 to 3 have a lower maximum of the station, of the socket, and a thinner cable.
    [Tags]    ALF-ALB-002
    [Setup]    Start Site    alfen/four-houses    vehicles.thin={phases: 3, cable_a: 13}
    ...    devices.CP1.parameters.Station maximum current=20.7
    ...    devices.CP2.parameters.Connector 1 max current=18.4
    Plug In Vehicle    CP1    phases=3
    Plug In Vehicle    CP2    phases=3
    Plug In Vehicle    CP3    vehicle=thin
    Plug In Vehicle    CP4    phases=3
    Advance Clock    80 s
    Vehicles Get    20.7 A    18.4 A    13 A    25 A
    Get Register    CP1    station_active_max_current    validate    abs(value - 20.7) <= 0.5
    House Load Leaves    15.6 A    9.4 A

A Meter With A P1 Port Is A Source
    [Tags]    ALF-ALB-003
    [Template]    Source Leaves
    alfen/alb-p1    4.4/9.8/7.3 A    15.2 A

A Modbus TCP Meter Is A Source
    [Tags]    ALF-ALB-004
    [Template]    Source Leaves
    alfen/alb-modbus-meter    4.4/9.8/7.3 A    15.2 A

There Is No Source By RS485
    [Tags]    ALF-ALB-006
    [Setup]    Start Site    alfen/alb-p1
    Parameter Should Be Available    CP1    ${PROTOCOL}
    FOR    ${choice}    IN    Modbus RTU (RS485)    Modbus RTU    RS485    RS485 Modbus RTU
        Parameter Should Refuse    CP1    ${PROTOCOL}    ${choice}
    END
    Set Parameter    CP1    ${PROTOCOL}    Modbus TCP/IP
    Set Parameter    CP1    ${PROTOCOL}    DSMR4.x/SMR5.0 (P1)

Stations And Meters Exchange Values At Least Every Ten Seconds
    [Tags]    ALF-ALB-007
    [Setup]    Start Site    alfen/four-houses
    Requests Should Come Regularly    M3    duration=60 s    period=10 s
    House Load Is Read    3.4/6.2/9.1 A
    House Load Is Read    8.2/2.7/4.1 A

What The Vehicle Needs Is Known As Well
    [Documentation]    The exchange is of consumption and charging need (5.1): a vehicle that takes less than it is
    ...    offered is told from what the house draws.
    [Tags]    ALF-ALB-007
    [Setup]    Start With Vehicles    phases=3
    FOR    ${number}    IN    @{HOUSES}
        Vehicle Takes    CP${number}    9.3 A
    END
    Advance Clock    15 s
    Every Vehicle Gets    25 A    9.3 A
    FOR    ${number}    IN    @{HOUSES}
        Charging Current    CP${number}    is    9.3 A
    END
    House Load Is Read    5.2/7.8/6.4 A    vehicle=9.3
    Every Vehicle Gets    17.2 A    9.3 A

A Rising House Load Lowers The Current At Once, With A P1 Meter
    [Tags]    ALF-ALB-008
    [Setup]    Start Site    alfen/alb-p1
    Rising House Load Is Followed    P1

A Rising House Load Lowers The Current At Once, With A Modbus Meter
    [Tags]    ALF-ALB-008
    [Setup]    Start Site    alfen/alb-modbus-meter
    Rising House Load Is Followed    M1

A Meter That Lags Behind A Slow Vehicle Does Not Raise The Current
    [Documentation]    What the meter answers is of another moment than the station's own current, while that moves. The
    ...    vehicle is told once and for good what is left (5.1: the grid is not overloaded).
    [Tags]    ALF-ALB-008
    [Setup]    Start Site    alfen/alb-modbus-meter    vehicles.slow={phases: 3, ramp_a_per_s: 1}
    Plug In Vehicle    CP1    vehicle=slow
    Advance Clock    100 s
    Charging Current    CP1    is    25 A
    Delay Link    M1    delay=4 s
    Set Load    house    8.2/15.4/3.1 A
    Advance Clock    20 s
    Signalled Current    CP1    should never exceed    9.6 A    within=60 s    tolerance=0.5 A
    Charging Current    CP1    is    9.6 A

When The House Load Falls The Current Rises Again
    [Tags]    ALF-ALB-009
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    12.4/15.2/9.9 A    9.8 A
    Every House Has    0 A
    Advance Clock    60 s
    Every Vehicle Gets    25 A    25 A

The Phase With The Largest Load Decides
    [Tags]    ALF-ALB-010
    [Setup]    Start With Vehicles    phases=3
    [Template]    House Load Leaves And Fills
    # house           left      meter
    5.3/15.8/0 A      9.2 A     14.5/25/9.2 A
    15.8/5.3/2.7 A    9.2 A     25/14.5/11.9 A
    0/5.3/15.8 A      9.2 A     9.2/14.5/25 A
    0 A               25 A      25 A

A Phase That The Vehicle Does Not Use Does Not Matter
    [Documentation]    After probing; until then it is not known which phases it uses.
    [Tags]    ALF-ALB-010
    [Setup]    Start Site    alfen/four-houses
    Every House Has    5.2/8.7/15.6 A
    Vehicles With One And Two Phases Come
    Advance Clock    50 s
    Vehicles Get    9.4 A    9.4 A    9.4 A    9.4 A
    Advance Clock    30 s
    Vehicles Get    19.8 A    16.3 A    19.8 A    16.3 A
    Feeder Current    N3    is    25/8.7/15.6 A
    Feeder Current    N4    is    21.5/25/15.6 A

A Phase That A Rotated Socket Does Not Give Does Not Matter
    [Documentation]    The same where L1 of each socket is another phase of the grid.
    [Tags]    ALF-ALB-010
    [Setup]    Start Site    alfen/four-houses    devices.CP1.phase_order=L2L3L1    devices.CP2.phase_order=L2L3L1
    ...    devices.CP3.phase_order=L3L1L2    devices.CP4.phase_order=L3L2L1
    Every House Has    15.6/8.7/5.2 A
    Vehicles With One And Two Phases Come
    Advance Clock    80 s
    Vehicles Get    16.3 A    16.3 A    19.8 A    16.3 A
    Feeder Current    N1    is    15.6/25/5.2 A
    Feeder Current    N2    is    15.6/25/21.5 A
    Feeder Current    N3    is    15.6/8.7/25 A
    Feeder Current    N4    is    15.6/25/21.5 A

With Less Than Six Amperes Left The Vehicle Is Paused
    [Documentation]    Load balancing pauses in state C1 and shows the reduced power (2.7.1); B1 is a vehicle that went
    ...    back to waiting. What the LED shows is open: 2.7.1 and 5.2 give flashing light blue to vehicles that take
    ...    turns, and a single vehicle has nobody to take turns with.
    [Tags]    ALF-ALB-011
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    18.8 A    6.2 A
    Get LED    CP1    status    ==    dark blue steady
    House Load Leaves    8.1/19.6/12.3 A    0 A
    FOR    ${number}    IN    @{HOUSES}
        Get Register    CP${number}    mode_3_state    matches    ^[BC]1$
        Get Display Text    CP${number}    contains    0.0 kW
    END
    House Load Leaves    19 A    6 A

A Vehicle That Needs 14 A Gets 14 A Or Stops By Itself
    [Documentation]    2.5 and 5.1.4 want the station to find out in the minute of probing that a vehicle needs 14 A.
    ...    It does not yet: below that it offers what is left.
    [Setup]    Start With Vehicles    vehicle=min-14A
    House Load Leaves    11 A    14 A
    Every House Has    12 A
    Advance Clock    25 s
    Every Vehicle Gets    13 A    0 A
    House Load Leaves    11 A    14 A

A Day In A House
    [Tags]    ALF-ALB-013
    [Setup]    Start With Vehicles    phases=3
    [Template]    House Load Lasts
    # house             left      main connection
    5.7/2.1/4.4 A       19.3 A    25/21.4/23.7 A
    6.2/10.6/0 A        14.4 A    20.6/25/14.4 A
    1.2/3.8/15.7 A      9.3 A     10.5/13.1/25 A
    18.8/12.7/7.4 A     6.2 A     25/18.9/13.6 A
    10.8 A              14.2 A    25 A

A Meter May Include The Vehicle Or Exclude It
    [Documentation]    Houses 1 and 3 include it, 2 and 4 exclude it.
    [Tags]    ALF-ALB-026    ALF-ALB-027
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    10.7/6.4/2.2 A    14.3 A
    Meter Current    P1    is    25/20.7/16.5 A    tolerance=1 A
    Meter Current    P2    is    10.7/6.4/2.2 A    tolerance=1 A
    Meter Current    M3    is    25/20.7/16.5 A
    Meter Current    M4    is    10.7/6.4/2.2 A
    Every House Draws    25/20.7/16.5 A

A Meter That Includes The Vehicle Although The Setting Says Not Halves The Current
    [Documentation]    Or makes it swing around the half: x = 25 - (5 + x). The site check warns of it.
    [Tags]    ALF-ALB-028
    [Setup]    Start Site    alfen/alb-modbus-meter    ${RECEIVED_CP1}=Exclude charging EV
    Set Load    house    5 A
    Plug In Vehicle    CP1    phases=3
    Advance Clock    80 s
    ${before} =    Get Register    CP1    real_energy_delivered_sum
    Charging Current    CP1    should never exceed    20 A    within=10 minutes
    ${after} =    Get Register    CP1    real_energy_delivered_sum
    ${mean} =    Evaluate    (${after} - ${before}) / (3 * 230) * 6
    Should Be True    8 <= ${mean} <= 12    The vehicle took ${mean} A on average, not about 10 A.

The Maximum Is There When Nobody Else Draws Current
    [Tags]    ALF-ALB-030
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every Vehicle Comes    phases=3
    Advance Clock    80 s
    Every Vehicle Gets    20 A    20 A
    House Load Leaves    2.1/6.4/3.8 A    13.6 A

Nothing Is Lowered While There Is Enough For All
    [Tags]    ALF-ALB-036
    [Setup]    Start With Vehicles    phases=3    asks_for=10.4 A
    Every House Has    9.7 A
    Advance Clock    25 s
    Every Vehicle Gets    15.3 A    10.4 A
    House Load Leaves    18.2 A    6.8 A

The Tool Shows What A Clamp Meter Shows
    [Documentation]    A P1 meter that tells whole amperes may be an ampere off.
    [Tags]    ALF-ALB-037
    [Setup]    Start Site    alfen/four-houses
    Every House Has    4.3/6.8/8.2 A
    Advance Clock    12 s
    Every House Draws    4.3/6.8/8.2 A
    FOR    ${number}    ${allowed}    IN    1    1.0    2    1.0    3    0.5    4    0.5
        Readings Are    CP${number}    4.3/6.8/8.2 A    0    ${allowed}
    END

After A Minute Of Probing Meter And Socket Add Up To The Maximum
    [Documentation]    For the meters that exclude the vehicle; probing is at 14 A.
    [Tags]    ALF-ALB-039
    [Setup]    Start Site    alfen/four-houses
    Every House Has    8.3/5.2/7.6 A
    Advance Clock    12 s
    Every Vehicle Comes    phases=3
    Advance Clock    55 s
    Every Vehicle Gets    14 A    14 A
    Advance Clock    25 s
    Every Vehicle Gets    16.7 A    16.7 A
    Meter Current    P2    is    8.3/5.2/7.6 A
    Meter Current    M4    is    8.3/5.2/7.6 A
    Every House Draws    25/21.9/24.3 A

Probing Is At The Current That Is Set
    [Documentation]    2.5.1 wants more than 6 A, 2.5 asks for 6 A: both are taken.
    [Tags]    ALF-PRB-017
    [Setup]    Start Site    alfen/four-houses    devices.CP3.parameters.${PROBING}=12
    Probing Is Set To    6.1    10    14    16
    Every Vehicle Comes    phases=3
    Probing Gives    6.1 A    10 A    14 A    16 A
    Advance Clock    30 s
    Every Vehicle Gets    25 A    25 A
    Unplug Vehicle    CP1
    Probing Is Set To    6
    Plug In Vehicle    CP1    phases=3
    Probing Gives    6 A    25 A    25 A    25 A
    Parameter Should Refuse    CP1    ${PROBING}    5.9

Another Appliance Lowers The Vehicle's Power
    [Tags]    ALF-ALB-040
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    5.8/3.4/4.6 A    19.2 A
    Every House Has    10.7/8.9/9.2 A
    Meter Current    M3    is    25/22.6/23.8 A
    Advance Clock    1.5 s
    Meter Current    M3    is    29.9/28.1/28.4 A
    Advance Clock    23.5 s
    Meter Current    M3    is    25/23.2/23.5 A
    Meter Current    P1    is    25/23.2/23.5 A    tolerance=1 A
    Every Vehicle Gets    14.3 A    14.3 A


*** Keywords ***
House Load Leaves And Fills
    [Documentation]    What is left is used up: where the house draws most, the main connection carries its maximum.
    [Arguments]    ${load}    ${left}    ${main}
    House Load Leaves    ${load}    ${left}
    Every House Draws    ${main}

House Load Lasts
    [Documentation]    Two minutes; the main connection is not above its maximum for longer than one reading takes.
    [Arguments]    ${load}    ${left}    ${main}
    Every House Has    ${load}
    FOR    ${_}    IN RANGE    8
        Advance Clock    15 s
        Every House Draws    ${main}
    END
    Every Vehicle Gets    ${left}    ${left}

House Load Is Read
    [Documentation]    Within ten seconds each station knows what its meter measures: in houses 1 and 3 the vehicle too.
    [Arguments]    ${load}    ${vehicle}=0
    Every House Has    ${load}
    Advance Clock    10.5 s
    FOR    ${number}    ${also}    ${allowed}    IN
    ...    1    ${vehicle}    1.0
    ...    2    0    1.0
    ...    3    ${vehicle}    0.5
    ...    4    0    0.5
        Readings Are    CP${number}    ${load}    ${also}    ${allowed}
    END

Readings Are
    [Documentation]    What the tool shows of the smart meter, with the vehicle on top.
    [Arguments]    ${station}    ${load}    ${vehicle}    ${allowed}
    ${expected} =    Evaluate    [float(a) + ${vehicle} for a in '${load}'.rstrip(' A').split('/')]
    Get Page Field    ${station}    ${READINGS}    validate
    ...    all(abs(float(a) - b) <= ${allowed} for a, b in zip(value.rstrip(' A').split('/'), ${expected}))

Source Leaves
    [Documentation]    One station and one meter.
    [Arguments]    ${site}    ${load}    ${left}
    Start Site    ${site}
    Set Load    house    ${load}
    Plug In Vehicle    CP1    phases=3
    Signalled Current    CP1    settles at    ${left}    within=90 s    tolerance=0.5 A
    Charging Current    CP1    is    ${left}

Rising House Load Is Followed
    [Documentation]    0 to 15.4 A; within one reading of the meter and the vehicle's 5 s.
    [Arguments]    ${meter}
    Plug In Vehicle    CP1    phases=3
    Advance Clock    80 s
    Charging Current    CP1    is    25 A
    Set Load    house    8.2/15.4/3.1 A
    Advance Clock    2 s
    Meter Current    ${meter}    is    33.2/40.4/28.1 A
    Advance Clock    13 s
    Charging Current    CP1    is    9.6 A
    Meter Current    ${meter}    is    17.8/25/12.7 A

Vehicles With One And Two Phases Come
    [Documentation]    One phase at stations 1 and 3, two phases at 2 and 4; their meters have been read before.
    Advance Clock    12 s
    Plug In Vehicle    CP1    phases=1
    Plug In Vehicle    CP2    phases=2
    Plug In Vehicle    CP3    phases=1
    Plug In Vehicle    CP4    phases=2

Probing Is Set To
    [Documentation]    Of the first stations, by the tool; it acts without a reboot.
    [Arguments]    @{currents}
    FOR    ${number}    ${current}    IN ZIP    ${HOUSES}    ${currents}    mode=SHORTEST
        Set Parameter    CP${number}    ${PROBING}    ${current}
        Save    CP${number}
    END

Probing Gives
    [Documentation]    Shortly before its minute is over.
    [Arguments]    @{limits}
    Advance Clock    50 s
    Vehicles Get    @{limits}

Vehicles Get
    [Documentation]    Register 1206 of each station, and what the vehicle takes on its first phase.
    [Arguments]    @{limits}
    FOR    ${number}    ${limit}    IN ZIP    ${HOUSES}    ${limits}
        Signalled Current    CP${number}    is    ${limit}    tolerance=0.5 A
        Get Register    CP${number}    current_l1    validate    abs(value - ${{float($limit.rstrip(' A'))}}) <= 0.5
    END
