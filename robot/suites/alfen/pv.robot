*** Settings ***
Documentation       PV behind a smart meter: Alfen smart charging implementation guide, 5.1.4.3, the text and what
...                 the table leaves open. The table itself is in pv_table.robot.
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


*** Test Cases ***
A Demand Equal To The PV Shows As Nothing
    [Tags]    ALF-PV-014
    [Template]    Demand And PV Show As
    # house    EV     PV      meter
    4 A        6 A    10 A    0 A

A Demand Above The PV Shows As Positive
    [Tags]    ALF-PV-015
    [Template]    Demand And PV Show As
    9 A    6 A    10 A    5 A

A Demand Below The PV Shows As Negative
    [Tags]    ALF-PV-016
    [Template]    Demand And PV Show As
    4 A    0 A    10 A    -6 A

A Returned Current Is Taken As Negative
    [Documentation]    Meters that do not measure the vehicle: inside the meter its own current would hide the sign.
    ...    House 3 has a third kind, read as unsigned currents: what the station makes of it is recorded only.
    [Tags]    ALF-PV-017
    [Setup]    Start Site    alfen/four-houses    &{UNSIGNED}
    Every House Has    2/0/0 A    12/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    FOR    ${number}    IN    2    4
        Signalled Current    CP${number}    is    32 A
        Feeder Current    Q${number}    is    32/0/0 A
        Feeder Current    N${number}    is    22/0/0 A
    END
    ${unsigned} =    Get Register    CP3    actual_applied_max_current
    Log    A meter that is read as unsigned leaves the station ${unsigned} A.    console=False

A Returned Current May Be Drawn On Top Of The Maximum
    [Tags]    ALF-PV-018
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every House Has    0 A    6/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    26 A    26/0/0 A
    Every House Draws    20/0/0 A
    Meter Current    P1    is    20/0/0 A
    Meter Current    M3    is    20/0/0 A

Falling PV Lowers The Current
    [Tags]    ALF-PV-019
    [Setup]    Start Four Houses With    ${MAXIMUM}    20
    Every House Has    5/0/0 A    10/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    25 A    25/0/0 A
    Every House Has    5/0/0 A    0 A
    Advance Clock    15 s
    Every Vehicle Gets    15 A    15/0/0 A
    Every House Draws    20/0/0 A

A Surplus On One Phase Gives Nothing To Another
    [Documentation]    The sockets' L1 hangs on the grid's L2; the PV feeds in on L1.
    [Tags]    ALF-PV-022
    [Setup]    Start Four Houses With    ${MAXIMUM}    20    &{L1_IS_L2}
    Every House Has    0 A    12/0/0 A
    Every Vehicle Comes    phases=1
    Advance Clock    100 s
    Every Vehicle Gets    20 A    0/20/0 A
    Every House Draws    -12/20/0 A

A One Phase Station Takes The Surplus Of Its Own Phase
    [Tags]    ALF-PV-022
    [Setup]    Start Four Houses With    ${MAXIMUM}    20    &{ONE_PHASE}
    Every House Has    0 A    12/6/0 A
    Every Vehicle Comes    phases=3
    Advance Clock    100 s
    Every Vehicle Gets    26 A    0/26/0 A
    Every House Draws    -12/20/0 A


*** Keywords ***
Demand And PV Show As
    [Documentation]    What the including meters show of one phase.
    [Arguments]    ${house}    ${ev}    ${pv}    ${meter}
    Start Site    alfen/four-houses
    Every House Has    ${house}    ${pv}
    Every Vehicle Comes    phases=3    asks_for=${ev}
    Advance Clock    30 s
    Meter Current    P1    is    ${meter}
    Meter Current    M3    is    ${meter}
    Every House Draws    ${meter}
