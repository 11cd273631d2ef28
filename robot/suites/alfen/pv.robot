*** Settings ***
Documentation       PV behind a smart meter: Alfen smart charging implementation guide, 5.1.4.3, the text and what
...                 the table leaves open. The table itself is in pv_table.robot. The guide prints no tolerance: half an
...                 ampere, as the catalogue has it. A P1 meter shows whole amperes.
Resource            alb.resource
Test Tags           alfen    alb    pv


*** Variables ***
&{L1_IS_L2}
...                 devices.CP1.phase_order=L2L3L1
...                 devices.CP2.phase_order=L2L3L1
...                 devices.CP3.phase_order=L2L3L1
...                 devices.CP4.phase_order=L2L3L1
&{ONE_PHASE}
...                 devices.CP1.variant=NG910-60003    devices.CP1.phase_order=L2
...                 devices.CP2.variant=NG910-60007    devices.CP2.phase_order=L2
...                 devices.CP3.variant=NG910-60003    devices.CP3.phase_order=L2
...                 devices.CP4.variant=NG910-60007    devices.CP4.phase_order=L2
&{UNSIGNED}
...                 meters.M3.node=H3
...                 meters.M3.measures=excluding
...                 devices.CP3.parameters.Received Measurements=Exclude charging EV
...                 devices.CP3.parameters.TCP/IP Meter Mode=Custom register mapping
...                 devices.CP3.parameters.Register L1=50528
...                 devices.CP3.parameters.Register L2=50530
...                 devices.CP3.parameters.Register L3=50532
...                 devices.CP3.parameters.Type=unsigned
...                 devices.CP3.parameters.Size=32 bit
...                 devices.CP3.parameters.Scaling factor=0.001
# Powers of the phases in units of 10 W, which carry the sign: at 230 V a unit is 10/230 A.
&{SIGNED}
...                 devices.CP4.parameters.TCP/IP Meter Mode=Custom register mapping
...                 devices.CP4.parameters.Register L1=50544
...                 devices.CP4.parameters.Register L2=50546
...                 devices.CP4.parameters.Register L3=50548
...                 devices.CP4.parameters.Type=signed
...                 devices.CP4.parameters.Size=32 bit
...                 devices.CP4.parameters.Scaling factor=0.0434783


*** Test Cases ***
A Demand Equal To The PV Shows As Nothing
    [Tags]    ALF-PV-014
    [Setup]    Start Site    alfen/four-houses
    [Template]    Demand And PV Show As
    # house           EV     PV                meter
    4 A               6 A    10 A              0 A
    4.3/2.6/0.8 A     6 A    10.3/8.6/6.8 A    0 A

A Demand Above The PV Shows As Positive
    [Tags]    ALF-PV-015
    [Setup]    Start Site    alfen/four-houses
    [Template]    Demand And PV Show As
    9 A               6 A    10 A              5 A
    9.3/6.4/3.6 A     6 A    10/5.3/2.2 A      5.3/7.1/7.4 A

A Demand Below The PV Shows As Negative
    [Tags]    ALF-PV-016
    [Setup]    Start Site    alfen/four-houses
    [Template]    Demand And PV Show As
    4 A               0 A    10 A              -6 A
    4.2/1.6/0.4 A     0 A    10.4/9.1/3.8 A    -6.2/-7.5/-3.4 A

Each Phase Shows Its Own Direction
    [Documentation]    The sum of the phases is above 0, then below.
    [Tags]    ALF-PV-014    ALF-PV-015    ALF-PV-016    ALF-PV-022
    [Setup]    Start Site    alfen/four-houses
    [Template]    Demand And PV Show As
    4.3/12.3/4.2 A    6 A    10.3/10/16.4 A    0/8.3/-6.2 A
    4.2/4.3/9.4 A     6 A    16.4/10.3/12.1 A    -6.2/0/3.3 A

A Returned Current Is Taken As Negative
    [Documentation]    5.1.4.3: some meters only show positive figures, the firmware interprets them, provided that the
    ...    settings are right. Each phase has its own direction, also against that of the sum. Meters that do not
    ...    measure the vehicle: inside the meter its own current would hide the sign. House 3 has a third kind, read as
    ...    unsigned currents: what the station makes of it is recorded only.
    [Tags]    ALF-PV-017
    [Setup]    Start Site    alfen/four-houses    &{UNSIGNED}
    Every House Has    2.3/14.6/3.2 A    12.6/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Meters Without The Vehicle Leave    -10.3/14.6/3.2 A    32 A    21.7/14.6/3.2 A
    ${unsigned} =    Get Register    CP3    actual_applied_max_current
    Log    A meter that is read as unsigned leaves the station ${unsigned} A.    console=False
    Every House Has    9.3/0/1.2 A    0/8.4/7.7 A
    Advance Clock    25 s
    Meters Without The Vehicle Leave    9.3/-8.4/-6.5 A    15.7 A    25/-8.4/-6.5 A

A Signed Register Gives A Current Its Direction
    [Documentation]    5.3.3.2 step 3: the custom register mapping has a signed type. The station of house 4 reads its
    ...    currents from the signed powers of the same meter.
    [Tags]    ALF-PV-017
    [Setup]    Start Site    alfen/four-houses    &{SIGNED}
    Every House Has    2.3/14.6/3.2 A    12.6/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Meters Without The Vehicle Leave    -10.3/14.6/3.2 A    32 A    21.7/14.6/3.2 A

A Returned Current May Be Drawn On Top Of The Maximum
    [Tags]    ALF-PV-018
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every House Has    0/3.4/7.7 A    6.4/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    26.4 A    26.4/0/0 A
    Every House Draws    20/3.4/7.7 A
    Meter Current    P1    is    20/3.4/7.7 A
    Meter Current    M3    is    20/3.4/7.7 A

More PV Than The Maximum Of The Station Is Returned
    [Tags]    ALF-PV-018
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every House Has    0/3.4/7.7 A    34.3/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    32 A    32/0/0 A
    Every House Draws    -2.3/3.4/7.7 A

Falling PV Lowers The Current
    [Documentation]    In two steps: the first lowers it too. The catalogue has 15 s for a reaction.
    [Tags]    ALF-PV-019
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every House Has    5.3/8.1/2.2 A    10.6/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    25.3 A    25.3/0/0 A
    FOR    ${pv}    ${left}    IN    4.4    19.1    0    14.7
        Every House Has    5.3/8.1/2.2 A    ${pv}/0/0 A
        Advance Clock    15 s
        Every Vehicle Gets    ${left} A    ${left}/0/0 A
        Every House Draws    20/8.1/2.2 A
    END

A Surplus On One Phase Gives Nothing To Another
    [Documentation]    The sockets' L1 hangs on the grid's L2; the PV feeds in on L1.
    [Tags]    ALF-PV-022
    [Setup]    Start Four Houses With    ${MAXIMUM}    20    &{L1_IS_L2}
    Every House Has    0 A    12/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    20 A    0/20/0 A
    Every House Draws    -12/20/0 A
    Every House Has    0/4.3/2.2 A    12.4/0/0 A
    Advance Clock    25 s
    Every Vehicle Gets    15.7 A    0/15.7/0 A
    Every House Draws    -12.4/20/2.2 A

The Phase With The Least Decides For A Vehicle On Several
    [Documentation]    What is left on L1, L2, L3: 24.1, 19.1, 13.6 A.
    [Tags]    ALF-PV-022
    [Setup]    Start Four Houses With    ${MAXIMUM}    15
    [Template]    Vehicle On Several Phases Gets
    # phases    left      drawn               house
    2           19.1 A    19.1/19.1/0 A       10/15/1.4 A
    3           13.6 A    13.6/13.6/13.6 A    4.5/9.5/15 A

Two Phases Of A Rotated Socket
    [Documentation]    The sockets' L1 and L2 hang on the grid's L2 and L3.
    [Tags]    ALF-PV-022
    [Setup]    Start Four Houses With    ${MAXIMUM}    15    &{L1_IS_L2}
    Vehicle On Several Phases Gets    2    13.6 A    0/13.6/13.6 A    -9.1/9.5/15 A

A One Phase Station Takes The Surplus Of Its Own Phase
    [Tags]    ALF-PV-022
    [Setup]    Start Four Houses With    ${MAXIMUM}    20    &{ONE_PHASE}
    Every House Has    0/1.6/0 A    12.4/6.3/3.1 A
    Every Vehicle Comes    phases=3
    Advance Clock    100 s
    Every Vehicle Gets    24.7 A    0/24.7/0 A
    Every House Draws    -12.4/20/-3.1 A


*** Keywords ***
Demand And PV Show As
    [Documentation]    What the including meters show, and what their stations read.
    [Arguments]    ${house}    ${ev}    ${pv}    ${meter}
    Every House Has    ${house}    ${pv}
    Every Vehicle Comes    phases=3    asks_for=${ev}
    Advance Clock    30 s
    Meter Current    P1    is    ${meter}
    Meter Current    M3    is    ${meter}
    Stations Should Read    ${meter}    CP1    CP3
    Every House Draws    ${meter}
    [Teardown]    Every Vehicle Leaves

Meters Without The Vehicle Leave
    [Documentation]    What stations 2 and 4 read, what they allow their vehicle on L1, and what their houses draw then.
    [Arguments]    ${meter}    ${left}    ${drawn}
    Stations Should Read    ${meter}    CP2    CP4
    FOR    ${number}    IN    2    4
        Signalled Current    CP${number}    is    ${left}    tolerance=0.5 A
        Feeder Current    Q${number}    is    ${{$left.split()[0]}}/0/0 A
        Feeder Current    N${number}    is    ${drawn}
    END

Vehicle On Several Phases Gets
    [Documentation]    At a maximum of 15 A.
    [Arguments]    ${phases}    ${left}    ${drawn}    ${house}
    Every House Has    3.3/2.2/1.4 A    12.4/6.3/0 A
    Every Vehicle Comes    phases=${phases}
    Advance Clock    100 s
    Every Vehicle Gets    ${left}    ${drawn}
    Every House Draws    ${house}
    [Teardown]    Every Vehicle Leaves

Every Vehicle Leaves
    [Documentation]    A minute later another one comes.
    FOR    ${number}    IN    @{HOUSES}
        Unplug Vehicle    CP${number}
    END
    Advance Clock    1 minute

Stations Should Read
    [Documentation]    The signed currents of L1/L2/L3 in the tab Live monitoring.
    [Arguments]    ${currents}    @{stations}
    @{wanted} =    Evaluate    [float(one) for one in $currents.removesuffix(' A').split('/')]
    @{wanted} =    Evaluate    $wanted * (3 // len($wanted))
    FOR    ${station}    IN    @{stations}
        Get Page Field    ${station}    ${READINGS}    validate
        ...    all(abs(float(one) - other) <= 0.5 for one, other in zip(value[:-2].split('/'), ${wanted}))
    END
