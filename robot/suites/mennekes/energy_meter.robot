*** Settings ***
Documentation       External energy meter, what holds for both options: MENNEKES application note AMTRON Professional,
...                 6.3, requirements, application field and list of meters.
Resource            energy_meter.resource
Test Tags           mennekes    dlm    meter


*** Test Cases ***
Cables Are Laid For Every Point In Full
    [Tags]    MEN-MTR-001
    Site Check Should Accept    mennekes/apartment-excluding    feeders.EVSE.cable_a=96
    Site Check Should Say    mennekes/apartment-excluding    96 A > 63 A    feeders.EVSE.cable_a=63

A Cable For Every Point In Full Carries Every Point In Full
    [Tags]    MEN-MTR-001
    [Setup]    Start Site    mennekes/apartment-excluding    feeders.EVSE.cable_a=96
    Vehicles Come To    CP1    CP2    CP3
    Signalled Current Of Each Point    settles at    32 A
    Feeder Current    EVSE    settles at    96 A
    Feeder Current    EVSE    should never exceed    96 A

Installation Current Limits Guard A Smaller Cable
    [Tags]    MEN-MTR-002
    [Setup]    Start Site    mennekes/apartment-excluding
    ...    feeders.EVSE.cable_a=48
    ...    devices.CP1.parameters.Installation Current Limit [A]=16
    ...    devices.CP2.parameters.Installation Current Limit [A]=16
    ...    devices.CP3.parameters.Installation Current Limit [A]=16
    Vehicles Come To    CP1    CP2    CP3
    Signalled Current Of Each Point    should never exceed    16 A    within=30 s
    Signalled Current Of Each Point    settles at    16 A
    Available Current Should Be    100/100/100
    Signalled Current Of Each Point    stays at    16 A    within=5 minutes
    Feeder Current    EVSE    is    48 A
    Feeder Current    EVSE    should never exceed    48 A

A Point With Another Network Id Is Not Regulated With The Metered Group
    [Tags]    MEN-MTR-003
    [Setup]    Start Site    mennekes/meter-excluding    devices.CP4.parameters.DLM Network Id=5
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2    CP3    CP4
    Signalled Current Of Each Point    settles at    20 A    20 A    20 A    0 A
    Feeder Current    supply    settles at    100/90/80 A
    Signalled Current    CP4    stays at    0 A    within=5 minutes

A Point With Another Network Id Is Reported By The Site Check
    [Tags]    MEN-MTR-003
    Site Check Should Accept    mennekes/meter-excluding
    Site Check Should Say    mennekes/meter-excluding    CP4 is unmanaged    devices.CP4.parameters.DLM Network Id=5

Nobody But The Master Polls The Meter
    [Tags]    MEN-MTR-004
    [Setup]    No Operation
    A Point That Was A Master Asks The Meter No More    mennekes/meter-excluding    ${SIEMENS}

The Main Fuse Holds In Two Random Hours
    [Documentation]    The tripwires fail the test on their own when a conductor is above its limit for more than 65 s,
    ...    or when a fuse opens. Power is supplied all the same: in these hours, and when the house needs little again.
    [Tags]    MEN-MTR-005    random
    [Setup]    Start Site    mennekes/meter-excluding
    Random Vehicles Come And Go    duration=2 hours    load=house    max_load=95 A
    Get Peak Current    EVSE    L1    >=    48 A
    Set Load    house    0 A
    Advance Clock    65 s
    Get Register    CP1    DLM_OVERALL_CURRENT_APPLIED_L1    >=    16 A

The Consumers Of A House Come Before Its Vehicle
    [Tags]    MEN-MTR-006
    [Setup]    Start Site    mennekes/standalone-excluding
    Vehicles Come To    CP1
    Set Load    house    30/10/10 A
    Signalled Current    CP1    settles at    0 A
    Feeder Current    supply    settles at    30/10/10 A
    Set Load    house    10/8.5/6 A
    Signalled Current    CP1    settles at    25 A
    Charging Current    CP1    settles at    25/25/25 A
    Feeder Current    supply    settles at    35/33.5/31 A

Meter 7KM2200-2EA30-1JA1 With Transformers And MID Works
    [Tags]    MEN-MTR-008
    The Master Works With    7KM2200-2EA30-1JA1    f2=100

Meter 7KM2200-2EA30-1EA1 With Transformers Works
    [Tags]    MEN-MTR-009
    The Master Works With    7KM2200-2EA30-1EA1    f2=100

Meter 7KM2200-2EA40-1JA1 For Direct Measurement With MID Works
    [Tags]    MEN-MTR-010
    The Master Works With    7KM2200-2EA40-1JA1    f2=63

Meter 7KM2200-2EA40-1EA1 For Direct Measurement Works
    [Tags]    MEN-MTR-011
    The Master Works With    7KM2200-2EA40-1EA1    f2=63

A Meter For 65 A Cannot Measure A Connection Of 100 A
    [Tags]    MEN-MTR-013
    [Template]    Site Check Should Say
    mennekes/meter-including    measures up to 65 A    meters.M2.variant=7KM2200-2EA40-1EA1
    mennekes/meter-including    measures up to 65 A    meters.M2.variant=7KM2200-2EA40-1JA1

A Meter With Transformers Measures A Connection Of 100 A, One For 65 A Measures Behind 63 A
    [Tags]    MEN-MTR-013
    [Template]    Site Check Should Accept
    mennekes/meter-including    meters.M2.variant=7KM2200-2EA30-1EA1    meters.M2.parameters.CT primary [A]=100
    mennekes/meter-including    meters.M2.variant=7KM2200-2EA30-1JA1    meters.M2.parameters.CT primary [A]=100
    mennekes/meter-excluding    meters.M2.variant=7KM2200-2EA40-1EA1    feeders.F2.fuse.rating_a=63
    mennekes/meter-excluding    meters.M2.variant=7KM2200-2EA40-1JA1    feeders.F2.fuse.rating_a=63

The Master Distributes To Its Points One By One
    [Documentation]    6.3 says that it cannot; the sentence is about cables (chapter 6 and 6.1 say the opposite).
    [Tags]    MEN-MTR-063
    [Setup]    Start Site    mennekes/meter-excluding
    External Load Is    60/50/40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    20 A
    Vehicle Takes    CP1    8 A
    Signalled Current Of Each Point    settles at    8 A    32 A    0 A    0 A
    Charging Current    CP1    settles at    8/8/8 A
    Charging Current    CP2    settles at    32/32/32 A
    Feeder Current    EVSE    is    40 A
    Feeder Current    supply    is    100/90/80 A

An Address Cannot Belong To A Charging Station And To The Meter
    [Documentation]    The note gives 192.168.0.2 to the meter (6.3) and to a charging station (4.3).
    [Tags]    MEN-MTR-064
    Site Check Should Say    mennekes/meter-excluding    '192.168.0.2' is used by CS1 and M2
    ...    devices.CS1.type=mennekes_ecu    devices.CS1.feeder=EVSE    devices.CS1.address=192.168.0.2
    ...    feeders.EVSE.cable_a=160    meters.M2.address=192.168.0.2
    Site Check Should Accept    mennekes/meter-excluding
    ...    devices.CS1.type=mennekes_ecu    devices.CS1.feeder=EVSE    devices.CS1.address=192.168.0.2
    ...    feeders.EVSE.cable_a=160    meters.M2.address=192.168.0.20

The Siemens Meter Is One Device Family With Four Order Numbers
    [Documentation]    The note writes PAC2200, PAC 2200, 7KM2200 and 7KM2200 (TCP).
    [Tags]    MEN-MTR-066
    [Template]    Site Check Should Say
    mennekes/meter-excluding
    ...    Allowed: 7KM2200-2EA30-1EA1, 7KM2200-2EA30-1JA1, 7KM2200-2EA40-1EA1, 7KM2200-2EA40-1JA1.
    ...    meters.M2.variant=PAC 2200
    mennekes/meter-excluding    Did you mean 'pac2200'?    meters.M2.type=PAC2200
    mennekes/meter-excluding    Did you mean 'pac2200'?    meters.M2.type=PAC 2200
    mennekes/meter-excluding    there is no device type '7KM2200 (TCP)'    meters.M2.type=7KM2200 (TCP)

The Siemens Meter Keeps Its Text In The Form
    [Tags]    MEN-MTR-066
    [Setup]    Start Site    mennekes/meter-excluding
    Get Parameter    CP1    ${METER_TYPE}    ==    Modbus Siemens 7KM2200 (TCP)
    Parameter Should Refuse    CP1    ${METER_TYPE}    Modbus Siemens PAC2200 (TCP)

The Siemens Meter Shows What Flows On Each Phase
    [Documentation]    Three different loads, one of them covered by more than it needs from the roof; 230 V, cos phi 1.
    [Setup]    Start Site    mennekes/meter-excluding    pv.roof.feeder=F2    pv.roof.current_a=0/50/0
    Set Load    house    23.4/30/12.5 A
    Advance Clock    1 s
    Meter Registers Should Be    V_L1_N=230    V_L2_N=230    V_L3_N=230
    Meter Registers Should Be    I_L1=23.4    I_L2=20    I_L3=12.5    I_AVG=18.633
    Meter Registers Should Be    P_L1=5382    P_L2=-4600    P_L3=2875    P_TOT=3657
    Meter Registers Should Be    S_L1=5382    S_L2=4600    S_L3=2875    S_TOT=12857
    Meter Registers Should Be    F=50    V_LN_AVG=230    V_LL_AVG=398.372    PF_TOT=0.284


*** Keywords ***
The Master Works With
    [Documentation]    40/30/20 A of external load and two vehicles, with M2 behind fuse F2; then no whole numbers.
    [Arguments]    ${meter}    ${f2}
    Start Site    mennekes/meter-excluding    meters.M2.variant=${meter}    feeders.F2.fuse.rating_a=${f2}
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Charging Current    CP1    settles at    30/30/30 A
    Charging Current    CP2    settles at    30/30/30 A
    Page Should Show    CP1    Second Meter    40/30/20 A
    Set Load    house    51.4/30.7/9.9 A
    Signalled Current Of Each Point    settles at    24 A
    Page Should Show    CP1    Second Meter    51.4/30.7/9.9 A
