*** Settings ***
Documentation       What a tester can see: the example of each observing keyword, run as it is documented.
Resource            hil/keywords/farm.resource
Test Tags           keywords


*** Test Cases ***
Registers By Their Documented Names
    Start Site    mennekes/car-park
    Register    CP1    DLM_MODE    1
    ${mode} =    Register    CP2    DLM_MODE
    Should Be Equal As Integers    ${mode}    3
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

A Tripwire That Is Expected
    [Documentation]    An overload of the main connection that no load management can help against.
    Start Site    mennekes/car-park    loads.bakery.feeder=supply    loads.bakery.current_a=0
    Expect Finding    limit
    Set Load    bakery    161 A
    Advance Clock    2 minutes
    Finding Should Be Recorded    limit    supply
