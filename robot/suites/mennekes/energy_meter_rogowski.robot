*** Settings ***
Documentation       The other external energy meter of the list: Phoenix EEM-MB371-EIP 2907976, with Rogowski coils.
...                 MENNEKES application note AMTRON Professional, 6.3 and 6.3.1.
...
...                 Currents have no sign in it, the active power has; the low word of a number comes first.
Resource            energy_meter.resource
Test Setup          Start Site    mennekes/meter-eem-mb371
Test Tags           mennekes    dlm    meter


*** Test Cases ***
Meter EEM-MB371-EIP With Rogowski Coils Works
    [Tags]    MEN-MTR-012
    [Setup]    Start With Load And Vehicles    mennekes/meter-eem-mb371    40/30/20 A    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Charging Current    CP1    settles at    30/30/30 A
    Charging Current    CP2    settles at    30/30/30 A
    Page Should Show    CP1    Second Meter    40/30/20 A
    Meter Current    M2    is    40/30/20 A
    Feeder Current    supply    is    100/90/80 A
    Set Load    house    51.4/30.7/9.9 A
    Signalled Current Of Each Point    settles at    24 A
    Page Should Show    CP1    Second Meter    51.4/30.7/9.9 A

The Meter With Rogowski Coils Measures A Connection Of 100 A
    [Documentation]    Option 2: M2 measures everything, which a meter for 65 A cannot.
    [Tags]    MEN-MTR-012    MEN-MTR-013
    [Setup]    Start Site With    mennekes/meter-eem-mb371    ${LOCATION}    ${INCLUDING}
    ...    meters.M2.node=supply    meters.M2.measures=including
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Meter Current    M2    settles at    100/90/80 A    within=10 s
    Set Load    house    70/20/20 A
    Signalled Current Of Each Point    settles at    15 A
    Meter Current    M2    settles at    100/50/50 A    within=10 s

Energy That Is Fed In At The Meter With Rogowski Coils Is There For The Vehicles
    [Tags]    MEN-MTR-061
    [Setup]    Start Site    mennekes/meter-eem-mb371    pv.roof.feeder=F2    pv.roof.current_a=100
    External Load Is    10 A
    Meter Current    M2    is    -90 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    32 A
    Available Current Should Be    100/100/100
    Page Should Show    CP1    Second Meter    -90/-90/-90 A
    Feeder Current    supply    settles at    -26 A
    Feeder Current    supply    should never exceed    100 A

Each Phase Has A Direction Of Its Own At The Meter With Rogowski Coils
    [Tags]    MEN-MTR-061
    [Setup]    No Operation
    Energy Is Fed In On Some Phases    mennekes/meter-eem-mb371

The Meter Configuration Makes The Master Read An EEM-MB371
    [Documentation]    Each of the two meters has registers where the other has none.
    [Tags]    MEN-MTR-030
    [Setup]    Start Site With    mennekes/meter-eem-mb371    ${METER_TYPE}    ${SIEMENS}
    Set Load    house    40/30/20 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}    within=65 s
    Page Should Show    CP1    Second Meter    not shown
    Value Is Kept    ${METER_TYPE}    ${PHOENIX}
    Page Should Show    CP1    Second Meter    40/30/20 A    within=65 s
    Page Should Show    CP1    Error(s)    no errors

The Master Queries The Meter With Rogowski Coils At Regular Intervals
    [Tags]    MEN-MTR-014
    Requests Should Come Regularly    M2    duration=120 s    period=30 s    deviation_pct=20

Nobody But The Master Polls The Meter With Rogowski Coils
    [Tags]    MEN-MTR-004
    [Setup]    No Operation
    A Point That Was A Master Asks The Meter No More    mennekes/meter-eem-mb371    ${PHOENIX}

A Meter With Rogowski Coils That Stops Communicating Is Reported
    [Tags]    MEN-MTR-059    fault
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-eem-mb371    50/45/40    40/30/20 A
    [Template]    Fault Is Reported And Goes
    exceptions
    timeouts
    closed_port

The Meter With Rogowski Coils Counts Wh
    [Documentation]    Its register of total demand; the manual has a float32, so the last digit is a rounded one.
    Set Load    house    10/20/30 A
    Advance Clock    1 hour
    Get Register    M2    EA_IMP_TOTAL    >=    13795 Wh
    Get Register    M2    EA_IMP_TOTAL    <=    13805 Wh
    Get Register    M2    EA_EXP_TOTAL    ==    0 Wh

The Meter With Rogowski Coils Shows What Flows On Each Phase
    [Documentation]    Three different loads, one of them covered by more than it needs from the roof; 230 V, cos phi 1.
    [Setup]    Start Site    mennekes/meter-eem-mb371    pv.roof.feeder=F2    pv.roof.current_a=0/50/0
    Set Load    house    23.4/30/12.5 A
    Advance Clock    2 s
    Meter Registers Should Be    U1=230    U2=230    U3=230    U12=398.372    F=50
    Meter Registers Should Be    I1=23.4    I2=20    I3=12.5    I_SYS=18.633
    Meter Registers Should Be    P1=5382    P2=-4600    P3=2875    P=3657
    Meter Registers Should Be    S1=5382    S2=4600    S3=2875    SA=12857
