*** Settings ***
Documentation       What load management does when its network or one of its points fails: MENNEKES application note
...                 AMTRON Professional, 6, which is silent about it. The catalogue's expectations are derived: nobody
...                 takes more than the limit, a satellite without master falls to its Disconnected Limit.
Resource            energy_meter.resource
Test Setup          Start Small Car Park
Test Tags           mennekes    dlm    fault


*** Variables ***
${DISCONNECTED}     Disconnected Limit [A]


*** Test Cases ***
A Satellite That Loses Its Master Pauses, And The Others Share
    [Documentation]    Its share stays free until it has noticed (15 s), and for one sample period of 30 s more.
    [Tags]    MEN-DLM-033
    Four Vehicles Charge
    Cut Link    CP3
    Signalled Current Of Each Point    stays at    10 A    points=CP1, CP2, CP4    within=45 s
    Signalled Current    CP3    is    0 A
    Signalled Current Of Each Point    settles at    13 A    points=CP1, CP2, CP4    within=2 minutes
    Advance Clock    5 minutes
    Feeder Current    F3    is    39 A
    Restore Link    CP3
    Signalled Current Of Each Point    settles at    10 A    within=2 minutes
    Feeder Current    F3    should never exceed    40 A

A Killed Master Leaves The Disconnected Limit, And Nobody Takes Its Place
    [Tags]    MEN-DLM-034
    Four Vehicles Charge
    Kill    CP1
    Feeder Current    F3    is    30 A
    Signalled Current Of Each Point    settles at    6 A    points=CP2, CP4
    Signalled Current    CP3    settles at    0 A
    Feeder Current    F3    is    12 A
    Advance Clock    10 minutes
    FOR    ${point}    IN    CP2    CP3    CP4
        Page Should Show    ${point}    DLM Master    none
        Get Register    ${point}    DLM_MODE    ==    3
    END
    Feeder Current    F3    should never exceed    40 A

A Master That Comes Back Finds Its Group Again
    [Tags]    MEN-DLM-034
    Four Vehicles Charge
    Kill    CP1
    Signalled Current Of Each Point    settles at    6 A    points=CP2, CP4
    Restart    CP1
    Page Should Show    CP1    DLM Connected Slaves    CP1, CP2, CP3, CP4    within=65 s
    Signalled Current Of Each Point    settles at    10 A
    Feeder Current    F3    is    40 A

A Master That Is Switched Off And On Shares Anew
    [Documentation]    It knows nothing of its satellites until they report, and these keep what they were granted: for
    ...    some seconds more than the limit flows.
    [Tags]    MEN-DLM-034
    Four Vehicles Charge
    Restart    CP1
    Signalled Current Of Each Point    settles at    10 A
    Feeder Current    F3    is    40 A

A Master That Has Lost Its Settings Manages Nobody
    Four Vehicles Charge
    Restart    CP1    settings=factory
    Get Register    CP1    DLM_MODE    ==    0
    Signalled Current Of Each Point    settles at    6 A    points=CP2, CP4
    Signalled Current    CP3    settles at    0 A

A Satellite Charges On Although A Fifth Of Its Datagrams Is Lost
    Four Vehicles Charge
    Drop    CP3    loss=20 %
    Signalled Current Of Each Point    stays at    10 A    within=5 minutes
    Feeder Current    F3    is    40 A

A Satellite That Hears One Datagram In Twenty Pauses Now And Then
    [Documentation]    Three datagrams in 15 s are too few then: the loss is real.
    Four Vehicles Charge
    Drop    CP3    loss=95 %
    Signalled Current    CP3    settles at    0 A
    Restore Link    CP3
    Signalled Current    CP3    settles at    10 A    within=2 minutes

Two Halves Of A Network Stay Below The Limit Together
    Four Vehicles Charge
    Partition    CP1, CP2    CP3, CP4
    Signalled Current    CP3    settles at    0 A
    Signalled Current    CP4    settles at    6 A
    Signalled Current Of Each Point    settles at    17 A    points=CP1, CP2    within=2 minutes
    Feeder Current    F3    should never exceed    40 A    within=5 minutes
    Heal
    Signalled Current Of Each Point    settles at    10 A    within=2 minutes

A Grant Comes As Late As The Link Is Slow
    [Documentation]    The satellite reports at once, 2 s later the master knows, and 2 s later the satellite.
    Advance Clock    10 s
    Delay Link    CP1    CP2    delay=2 s
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Signalled Current    CP2    stays at    0 A    within=3 s
    Advance Clock    1 s
    Signalled Current    CP2    is    32 A

A Meter That Answers Later Than The Master Waits Is Lost
    [Documentation]    The master waits 3 s: two ways of 1 s each are in time, of 2 s each are not.
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    70/70/70
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Delay Link    CP1    M2    delay=1 s
    Signalled Current Of Each Point    stays at    30 A    within=2 minutes
    Delay Link    CP1    M2    delay=2 s
    Signalled Current Of Each Point    settles at    15 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}
    Restore Link    CP1    M2
    Signalled Current Of Each Point    settles at    30 A

A Meter Connection That Is Reset Costs One Reading
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    70/70/70
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Reset Link    M2
    Signalled Current Of Each Point    stays at    30 A    within=1 minute
    Page Should Show    CP1    Error(s)    no errors

A Killed Meter Is Lost, And Found When It Has Power Again
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    70/70/70
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Kill    M2
    Signalled Current Of Each Point    settles at    15 A
    Restart    M2
    Signalled Current Of Each Point    settles at    30 A
    Page Should Show    CP1    Error(s)    no errors


*** Keywords ***
Start Small Car Park
    [Documentation]    40 A for four points; without a master CP2 and CP4 go on with 6 A, CP3 with nothing.
    Start Site    mennekes/car-park    devices.CP1.parameters.${OPERATOR}=40/40/40
    ...    devices.CP2.parameters.${DISCONNECTED}=6    devices.CP4.parameters.${DISCONNECTED}=6

Four Vehicles Charge
    [Documentation]    With 10 A each.
    Plug In At All Points
    Signalled Current Of Each Point    settles at    10 A
    Feeder Current    F3    settles at    40 A
