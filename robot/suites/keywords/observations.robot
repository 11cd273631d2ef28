*** Settings ***
Documentation       What a tester can see: the example of each observing keyword, run as it is documented.
Resource            hil/keywords/farm.resource
Test Tags           keywords


*** Test Cases ***
Registers By Their Documented Names
    Start Site    mennekes/car-park
    Get Register    CP1    DLM_MODE    ==    1
    ${mode} =    Get Register    CP2    DLM_MODE
    Should Be Equal As Integers    ${mode}    3
    Get Register    CP1    706    <=    16 A
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Write Register    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT_L1    60
    Signalled Current Of Each Point    settles at    30 A

What A Point Signals
    Start Site    mennekes/car-park
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Signalled Current    CP1    settles at    32 A    within=65 s
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    25 A
    Charging Current    CP1    settles at    25 A
    Feeder Current    F3    L1    should never exceed    100 A

The Highest Current Of A Feeder
    Start Site    mennekes/car-park
    Plug In Vehicle    CP1    phases=1    max_current=20 A
    Charging Current    CP1    settles at    20/0/0 A
    Unplug Vehicle    CP1
    Charging Current    CP1    settles at    0 A
    ${peak} =    Get Peak Current    F3    L1
    Should Be True    19.5 < ${peak} < 20.5
    Get Peak Current    F3    L1    <=    100 A
    Get Peak Current    F3    L2    ==    0 A

A Comparison That Does Not Hold Says Value Limit Time And Cause
    [Setup]    Start Site    mennekes/car-park
    [Template]    Run Keyword And Expect Error
    # what is said                                                    what is read
    Register DLM_MODE (600) of CP1 should be 3: was 1 at 06:00:00*CP1*     Get Register    CP1    DLM_MODE    ==    3
    Register SIGNALED_CURRENT (706)*more than 16 A: was 0 A at*       Get Register    CP1    706    >    16 A
    *'16 W' is not a number in A.                                     Get Register    CP1    706    ==    16 W
    *no documented register begins at address 9999.                   Get Register    CP1    9999
    *of F3 takes a phase*: got 'L1${SPACE * 4}100 A'.                 Feeder Current    F3    L1    100 A
    Parameter 'DLM Network Id' of CP1 should be '5': was '0'*         Get Parameter    CP1    DLM Network Id    ==    5
    Field 'Error(s)' of CP1 should contain 'x': was 'no errors'*      Get Page Field    CP1    Error(s)    contains    x
    Farm time should be at least 600 s: was 0 s*                      Get Farm Time    >=    10 minutes
    Peak current of F3 L1 should be at least 1 A: was 0 A*            Get Peak Current    F3    L1    >=    1 A

A Comparison May Be An Expression
    Start Site    mennekes/car-park
    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    validate    value in (0, 1, 4)
    Run Keyword And Expect Error    Register DLM_MODE (600) of CP1 should validate to true with 'value > 3': was 1*
    ...    Get Register    CP1    DLM_MODE    validate    value > 3
    ${more} =    Get Register    CP1    DLM_MODE    then    value + 1
    Should Be Equal    ${more}    ${2}

What Each Point Signals, One By One
    Start Site    mennekes/two-networks
    ...    devices.CP1.parameters={"Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": 40/40/40}
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    20 A    20 A    32 A    32 A
    Signalled Current    CP1    stays at    20 A    within=5 minutes
    Page Should Not Show    CP3    DLM Connected Slaves    CP1

The Points Of One Network Only
    Start Site    mennekes/two-networks
    ...    devices.CP3.parameters={"Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": 40/40/40}
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current    CP3    settles at    20 A
    Signalled Current Of Each Point    stays at    20 A    points=CP3, CP4

Only Some Points Charge
    Start Site    mennekes/car-park
    ...    devices.CP1.parameters={"Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": 8/8/8}
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Points That Charge    settles at    1    8 A

Vehicles With One Phase
    Start Site    mennekes/car-park
    ...    devices.CP1.parameters={"Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": 100/50/50}
    Plug In Vehicle    CP1    phases=1    max_current=25 A
    Charging Current    CP1    settles at    25/0/0 A
    Plug In Vehicle    CP2    phases=1    max_current=25 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Feeder Current    F3    settles at    100/50/50 A

Who Asks The Meter
    Start Site    mennekes/meter-excluding
    Set Load    house    40/30/20 A
    Meter Current    M2    settles at    40/30/20 A
    @{times} =    Requests At    M2    duration=120 s
    Should Not Be Empty    ${times}
    Requests Should Come Regularly    M2    duration=120 s    period=30 s    deviation_pct=20
    Clients Of    M2    CP1
    @{who} =    Clients Of    M2
    Should Contain    ${who}    CP1
    Should Not Contain    ${who}    CP2

What A P1 Meter Says
    Start Site    alfen/alb-p1
    Set PV    roof    10/0/0 A
    Set Load    house    0/5/0 A
    Get P1 Value    P1    1-0:31.7.0    ==    10 A    telegram=next
    ${current} =    Get P1 Value    P1    1-0:31.7.0
    Get P1 Value    P1    INSTANTANEOUS_ACTIVE_POWER_L1_NEGATIVE    ==    2300 W
    Get P1 Current    P1    L1    ==    -10 A
    ${signed} =    Get P1 Current    P1    L1
    Should Be Equal    ${current}    ${{-${signed}}}
    Meter Current    P1    is    -10/5/0 A

Telegrams That Are Refused
    Start Site    alfen/alb-p1
    Get Refused P1 Telegrams    P1    ==    0
    Plant Fault    P1    crc
    Advance Clock    5 s
    ${refused} =    Get Refused P1 Telegrams    P1
    Should Be True    ${refused} >= 4

What A Device Does Not Show Is Said With What It Shows
    [Setup]    Start Site    alfen/alb-modbus-meter
    [Template]    Run Keyword And Expect Error
    *M1 (Socomec COUNTIS E27) shows no charging current. It shows: meter current, meter power.
    ...    Charging Current    M1    is    0 A
    *CP1 (Alfen Eve Single Pro-line) shows no meter current. It shows: signalled current, charging current.
    ...    Meter Current    CP1    is    0 A
    *M1 sends no P1 telegrams. Meters with a P1 port: none.
    ...    Get P1 Current    M1    L1

The Same Words For Another Make
    Start Site    alfen/alb-modbus-meter
    Set PV    roof    6/0/0 A
    Plug In Vehicle    CP1    phases=1    max_current=10 A
    Signalled Current    CP1    settles at    14 A    within=30 s
    Charging Current    CP1    is    10/0/0 A
    Meter Current    M1    is    4/0/0 A
    Vehicle Takes    CP1    0 A
    Meter Current    M1    settles at    -6/0/0 A    within=30 s

A Tripwire That Is Expected
    [Documentation]    An overload of the main connection that no load management can help against.
    Start Site    mennekes/car-park    loads.bakery.feeder=supply    loads.bakery.current_a=0
    Expect Finding    limit
    Set Load    bakery    161 A
    Advance Clock    2 minutes
    Finding Should Be Recorded    limit    supply
