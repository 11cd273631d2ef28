*** Settings ***
Documentation       Active Load Balancing with a smart meter: Alfen smart charging implementation guide, 5.1, 5.3.3.1,
...                 5.3.4.1. Each test runs in four houses, one for each way to measure (site alfen/four-houses), with
...                 a maximum smart meter current of 25 A, unless it is about one of them.
Resource            alb.resource
Test Tags           alfen    alb


*** Variables ***
${RECEIVED_CP1}     devices.CP1.parameters.Received Measurements


*** Test Cases ***
The Vehicle Takes What The House Leaves Of The Maximum
    [Tags]    ALF-ALB-002    ALF-ALB-024
    [Setup]    Start With Vehicles    phases=3
    [Template]    House Load Leaves And Fills
    # house    left
    0 A        25 A
    10 A       15 A
    17 A       8 A
    0 A        25 A

A Meter With A P1 Port Is A Source
    [Tags]    ALF-ALB-003
    [Template]    Source Leaves
    alfen/alb-p1    10 A    15 A

A Modbus TCP Meter Is A Source
    [Tags]    ALF-ALB-004
    [Template]    Source Leaves
    alfen/alb-modbus-meter    10 A    15 A

There Is No Source By RS485
    [Tags]    ALF-ALB-006
    [Setup]    Start Site    alfen/alb-p1
    Parameter Should Be Available    CP1    ${PROTOCOL}
    Parameter Should Refuse    CP1    ${PROTOCOL}    Modbus RTU (RS485)
    Set Parameter    CP1    ${PROTOCOL}    Modbus TCP/IP
    Set Parameter    CP1    ${PROTOCOL}    DSMR4.x/SMR5.0 (P1)

Stations And Meters Exchange Values At Least Every Ten Seconds
    [Tags]    ALF-ALB-007
    [Setup]    Start Site    alfen/four-houses
    Requests Should Come Regularly    M3    duration=60 s    period=10 s
    Every House Has    3/6/9 A
    FOR    ${number}    IN    @{HOUSES}
        Page Should Show    CP${number}    ${READINGS}    3/6/9 A    within=10.5 s
    END

A Rising House Load Lowers The Current At Once, With A P1 Meter
    [Tags]    ALF-ALB-008
    [Setup]    Start Site    alfen/alb-p1
    Rising House Load Is Followed    P1

A Rising House Load Lowers The Current At Once, With A Modbus Meter
    [Tags]    ALF-ALB-008
    [Setup]    Start Site    alfen/alb-modbus-meter
    Rising House Load Is Followed    M1

When The House Load Falls The Current Rises Again
    [Tags]    ALF-ALB-009
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    15 A    10 A
    Every House Has    0 A
    Advance Clock    60 s
    Every Vehicle Gets    25 A    25 A

The Phase With The Largest Load Decides
    [Tags]    ALF-ALB-010
    [Setup]    Start With Vehicles    phases=3
    [Template]    Uneven House Load Leaves
    # house     left    meter
    5/15/0 A    10 A    15/25/10 A
    15/5/0 A    10 A    25/15/10 A
    0/5/15 A    10 A    10/15/25 A
    0/0/0 A     25 A    25/25/25 A

A Phase That The Vehicle Does Not Use Does Not Matter
    [Documentation]    After probing; until then it is not known which phases it uses.
    [Tags]    ALF-ALB-010
    [Setup]    Start Site    alfen/four-houses
    Every House Has    5/15/15 A
    Advance Clock    12 s
    Every Vehicle Comes    phases=1
    Advance Clock    50 s
    Every Vehicle Gets    10 A    10/0/0 A
    Advance Clock    30 s
    Every Vehicle Gets    20 A    20/0/0 A
    Every House Draws    25/15/15 A

With Less Than Six Amperes Left The Vehicle Is Paused
    [Tags]    ALF-ALB-011
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    19 A    6 A
    Get LED    CP1    status    ==    dark blue steady
    House Load Leaves    20 A    0 A
    Get LED    CP1    status    ==    light blue flashing
    Get Display Text    CP1    contains    0.0 kW
    House Load Leaves    19 A    6 A

A Vehicle That Needs 14 A Gets 14 A Or Nothing
    [Tags]    ALF-ALB-012
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
    # house    left
    5 A        20 A
    10 A       15 A
    15 A       10 A
    19 A       6 A
    10 A       15 A

A Meter May Include The Vehicle Or Exclude It
    [Documentation]    Houses 1 and 3 include it, 2 and 4 exclude it.
    [Tags]    ALF-ALB-026    ALF-ALB-027
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    10 A    15 A
    Meter Current    P1    is    25 A
    Meter Current    P2    is    10 A
    Meter Current    M3    is    25 A
    Meter Current    M4    is    10 A
    Every House Draws    25 A

A Meter That Includes The Vehicle Although The Setting Says Not Halves The Current
    [Documentation]    Or makes it swing: x = 25 - (5 + x). The site check warns of it.
    [Tags]    ALF-ALB-028
    [Setup]    Start Site    alfen/alb-modbus-meter    ${RECEIVED_CP1}=Exclude charging EV
    Set Load    house    5 A
    Plug In Vehicle    CP1    phases=3
    Charging Current    CP1    should never exceed    20 A    within=5 minutes
    ${low} =    Get Register    CP1    actual_applied_max_current
    Should Be True    ${low} < 20

The Maximum Is There When Nobody Else Draws Current
    [Tags]    ALF-ALB-030
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every Vehicle Comes    phases=3
    Advance Clock    80 s
    Every Vehicle Gets    20 A    20 A

Nothing Is Lowered While There Is Enough For All
    [Tags]    ALF-ALB-036
    [Setup]    Start With Vehicles    phases=3    asks_for=10 A
    Every House Has    10 A
    Advance Clock    25 s
    Every Vehicle Gets    15 A    10 A
    House Load Leaves    18 A    7 A

The Tool Shows What A Clamp Meter Shows
    [Tags]    ALF-ALB-037
    [Setup]    Start Site    alfen/four-houses
    Every House Has    4/6/8 A
    Advance Clock    12 s
    Every House Draws    4/6/8 A
    FOR    ${number}    IN    @{HOUSES}
        Get Page Field    CP${number}    ${READINGS}    validate
        ...    all(abs(float(a.rstrip(' A')) - b) <= 0.5 for a, b in zip(value.split('/'), (4, 6, 8)))
    END

After A Minute Of Probing Meter And Socket Add Up To The Maximum
    [Documentation]    For the meters that exclude the vehicle; probing is at 14 A.
    [Tags]    ALF-ALB-039
    [Setup]    Start Site    alfen/four-houses
    Every House Has    8 A
    Advance Clock    12 s
    Every Vehicle Comes    phases=3
    Advance Clock    55 s
    Every Vehicle Gets    14 A    14 A
    Advance Clock    25 s
    Every Vehicle Gets    17 A    17 A
    Meter Current    P2    is    8 A
    Meter Current    M4    is    8 A

Another Appliance Lowers The Vehicle's Power
    [Tags]    ALF-ALB-040
    [Setup]    Start With Vehicles    phases=3
    House Load Leaves    5 A    20 A
    Every House Has    10 A
    Meter Current    M3    is    25 A
    Advance Clock    1.5 s
    Meter Current    M3    is    30 A
    Advance Clock    23.5 s
    Meter Current    M3    is    25 A
    Meter Current    P1    is    25 A
    Every Vehicle Gets    15 A    15 A

A Vehicle That Needs 14 A, P1 Meter
    [Tags]    ALF-ALB-045
    [Setup]    Start Site    alfen/alb-p1    vehicles.bounder={preset: min-14A, phases: 1}
    Needs 14 A

A Vehicle That Needs 14 A, Modbus Meter
    [Tags]    ALF-ALB-046
    [Setup]    Start Site    alfen/alb-modbus-meter    vehicles.bounder={preset: min-14A, phases: 1}
    Needs 14 A


*** Keywords ***
House Load Leaves And Fills
    [Documentation]    What is left is used up: the main connection carries its maximum.
    [Arguments]    ${load}    ${left}
    House Load Leaves    ${load}    ${left}
    Every House Draws    25 A

Uneven House Load Leaves
    [Documentation]    The same, and what the main connection carries then.
    [Arguments]    ${load}    ${left}    ${meter}
    House Load Leaves    ${load}    ${left}
    Every House Draws    ${meter}

House Load Lasts
    [Documentation]    Two minutes; the main connection is not above its maximum for longer than one reading takes.
    [Arguments]    ${load}    ${left}
    Every House Has    ${load}
    Advance Clock    15 s
    Every House Draws    25 A
    Advance Clock    105 s
    Every Vehicle Gets    ${left}    ${left}
    Every House Draws    25 A

Source Leaves
    [Documentation]    One station and one meter.
    [Arguments]    ${site}    ${load}    ${left}
    Start Site    ${site}
    Set Load    house    ${load}
    Plug In Vehicle    CP1    phases=3
    Signalled Current    CP1    settles at    ${left}    within=90 s
    Charging Current    CP1    is    ${left}

Rising House Load Is Followed
    [Documentation]    0 to 15 A; within one reading of the meter and the vehicle's 5 s.
    [Arguments]    ${meter}
    Plug In Vehicle    CP1    phases=3
    Advance Clock    80 s
    Charging Current    CP1    is    25 A
    Set Load    house    15 A
    Advance Clock    2 s
    Meter Current    ${meter}    is    40 A
    Advance Clock    13 s
    Charging Current    CP1    is    10 A
    Meter Current    ${meter}    is    25 A

Needs 14 A
    [Documentation]    14 A is left, then 13 A.
    Set Load    house    11 A
    Plug In Vehicle    CP1    vehicle=bounder
    Advance Clock    90 s
    Signalled Current    CP1    is    14 A
    Charging Current    CP1    is    14/0/0 A
    Set Load    house    12 A
    Advance Clock    25 s
    Charging Current    CP1    is    0 A
