*** Settings ***
Documentation       Parameters of the DLM master for an external energy meter: MENNEKES application note AMTRON
...                 Professional, 6.3.1 and 6.3.2, figures 26 and 29. Every test starts with another value than the
...                 note's, sets the note's value, saves, restarts, reads it back and looks at its effect.
Resource            energy_meter.resource
Test Tags           mennekes    dlm    meter    parameters


*** Test Cases ***
Meter Settings Are Made In The Master
    [Tags]    MEN-MTR-021
    [Setup]    Start Site    mennekes/meter-excluding
    Parameter Should Be Available    CP1    ${METER_SUPPORT}    ${METER_TYPE}    ${METER_ADDRESS}    ${METER_PORT}
    ...    ${MAIN_LIMIT}    ${HEADROOM}    ${FALLBACK}    ${LOCATION}    menu=${MENU}
    Parameter Should Not Be Available    CP2    ${METER_SUPPORT}    ${METER_TYPE}    ${METER_ADDRESS}    ${METER_PORT}
    ...    ${MAIN_LIMIT}    ${HEADROOM}    ${FALLBACK}    ${LOCATION}

The Role Makes A Point The Master
    [Tags]    MEN-MTR-022
    [Setup]    Start Site With    mennekes/meter-excluding    ${ROLE}    DLM Master (Standalone)
    Get Register    CP1    DLM_MODE    ==    2
    Value Is Kept    ${ROLE}    DLM Master (With internal DLM-Slave)
    Get Register    CP1    DLM_MODE    ==    1

A Single Point With A Meter Is A Master Too
    [Documentation]    6.3: also a single point is its own master; with another role it takes no account of the meter.
    [Tags]    MEN-MTR-022
    [Setup]    Start Site With    mennekes/standalone-excluding    ${ROLE}    DLM Master (Standalone)
    Get Register    CP1    DLM_MODE    ==    2
    Value Is Kept    ${ROLE}    DLM Master (With internal DLM-Slave)
    Get Register    CP1    DLM_MODE    ==    1
    External Load Is    15.4/10/5 A
    Vehicles Come To    CP1
    Signalled Current    CP1    settles at    19 A

The Network Id Makes The Group
    [Tags]    MEN-MTR-023
    [Setup]    Start Site With    mennekes/meter-excluding    ${GROUP}    3
    Advance Clock    30 s
    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    ==    1
    Value Is Kept    ${GROUP}    0
    Wait Until Keyword Succeeds    65 s    1 s    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    ==    4

Satellites Find A Master That Broadcasts
    [Tags]    MEN-MTR-024
    [Setup]    Start Site With    mennekes/meter-excluding    Disable Discovery Broadcasting    On
    Advance Clock    65 s
    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    ==    1
    Value Is Kept    Disable Discovery Broadcasting    Off
    Wait Until Keyword Succeeds    65 s    1 s    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    ==    4

Redistribution Takes Place At Most Once Per Sample Rate
    [Documentation]    A load step right after a redistribution has to wait for the next one: with 5 sec much less.
    [Tags]    MEN-MTR-025
    [Setup]    Start With Load And Vehicles    mennekes/meter-excluding    40/30/20 A    CP1    CP2
    ...    devices.CP1.parameters.${SAMPLE_RATE}=5 sec
    A Second Step Waits    at_least=3 s    at_most=14 s
    Value Is Kept    ${SAMPLE_RATE}    30 sec
    Set Load    house    40/30/20 A
    A Second Step Waits    at_least=28 s    at_most=37 s

A Vehicle That Fell Asleep Is Woken
    [Documentation]    It sleeps after a pause of 30 s, and only a step to state F wakes it.
    [Tags]    MEN-MTR-026
    [Setup]    Start Site With    mennekes/standalone-excluding    Allow EV Wakeup    Off
    ...    vehicles.sleeper.sleep_after_pause_s=30    vehicles.sleeper.wake=state F
    Set Load    house    10 A
    Plug In Vehicle    CP1    vehicle=sleeper
    Charging Current    CP1    settles at    25/25/25 A
    The House Takes Everything For    3 minutes
    Charging Current    CP1    stays at    0 A    within=5 minutes
    Value Is Kept    Allow EV Wakeup    On
    The House Takes Everything For    3 minutes
    Charging Current    CP1    settles at    25/25/25 A    within=3 minutes

The EVSE Sub Distribution Limit Is Kept
    [Tags]    MEN-MTR-027
    [Setup]    Start Site With    mennekes/meter-excluding    ${EVSE}    80/70/60
    Limit Registers Should Be    CP1    DLM_EVSE_SUB_DISTRIBUTION_LIMIT    80/70/60
    Available Current Should Be    80/70/60
    Value Is Kept    ${EVSE}    100/100/100
    Limit Registers Should Be    CP1    DLM_EVSE_SUB_DISTRIBUTION_LIMIT    100/100/100
    Available Current Should Be    100/100/100

The Operator EVSE Sub Distribution Limit Is Kept
    [Tags]    MEN-MTR-028
    [Setup]    Start Site With    mennekes/meter-excluding    ${OPERATOR}    80/70/60
    Limit Registers Should Be    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT    80/70/60
    Available Current Should Be    80/70/60
    Value Is Kept    ${OPERATOR}    100/100/100
    Limit Registers Should Be    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT    100/100/100
    Available Current Should Be    100/100/100

External Meter Support Makes The Meter's Parameters Appear
    [Tags]    MEN-MTR-029
    [Setup]    Start Site    mennekes/meter-excluding
    Configure    CP1    ${METER_SUPPORT}    Off
    Get Register    CP1    DLM_EXTERNAL_METER_SUPPORT    ==    0
    Parameter Should Not Be Available    CP1    ${METER_TYPE}    ${METER_ADDRESS}    ${METER_PORT}    ${MAIN_LIMIT}
    Value Is Kept    ${METER_SUPPORT}    On
    Get Register    CP1    DLM_EXTERNAL_METER_SUPPORT    ==    1
    Parameter Should Be Available    CP1    ${METER_TYPE}    ${METER_ADDRESS}    ${METER_PORT}    ${MAIN_LIMIT}

The Meter Configuration Makes The Master Read A PAC2200
    [Tags]    MEN-MTR-030
    [Setup]    Start Site With    mennekes/meter-excluding    ${METER_TYPE}    No meter
    Set Load    house    40/30/20 A
    ${requests} =    Requests At    M2    duration=30 s
    Should Be Empty    ${requests}
    Page Should Show    CP1    Second Meter    not shown
    Value Is Kept    ${METER_TYPE}    ${SIEMENS}
    Page Should Show    CP1    Second Meter    40/30/20 A    within=65 s

The Master Connects To The Meter's Address
    [Tags]    MEN-MTR-031
    [Setup]    Start Site With    mennekes/meter-excluding    ${METER_ADDRESS}    192.168.0.99
    ...    meters.M2.address=192.168.0.2
    Set Load    house    40/30/20 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}    within=65 s
    Value Is Kept    ${METER_ADDRESS}    192.168.0.2
    Page Should Show    CP1    Second Meter    40/30/20 A    within=65 s
    Requests At    M2    duration=10 s
    Clients Of    M2    CP1

The Master Connects To The Meter's Port
    [Documentation]    80 as the note prints it, with a meter that is set to 80.
    [Tags]    MEN-MTR-032
    [Setup]    Start Site    mennekes/meter-excluding    meters.M2.parameters.Modbus Port=80
    Set Load    house    40/30/20 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}    within=65 s
    Value Is Kept    ${METER_PORT}    80
    Page Should Show    CP1    Second Meter    40/30/20 A    within=65 s

The Main Distribution Limit Less The External Load Is Available
    [Tags]    MEN-MTR-033
    [Setup]    Start Site With    mennekes/meter-excluding    ${MAIN_LIMIT}    63/50/35
    Set Load    house    40/30/20 A
    Available Current Should Be    23/20/15
    Value Is Kept    ${MAIN_LIMIT}    100/100/100
    Available Current Should Be    60/70/80

The Main Distribution Limit Is What The Meter Shows At Most
    [Tags]    MEN-MTR-033
    [Setup]    Start Site With    mennekes/meter-including    ${MAIN_LIMIT}    63/50/35
    Set Load    house    40/30/20 A
    Available Current Should Be    23/20/15
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    7 A
    Meter Current    M2    is    54/44/34 A
    Value Is Kept    ${MAIN_LIMIT}    100/100/100
    Meter Current    M2    settles at    100/90/80 A
    Meter Current    M2    stays at    100/90/80 A    within=5 minutes

Headroom Is Kept
    [Tags]    MEN-MTR-034
    [Setup]    Start Site With    mennekes/meter-excluding    ${HEADROOM}    10/20/30
    Set Load    house    40/30/20 A
    Available Current Should Be    50/50/50
    Value Is Kept    ${HEADROOM}    0/0/0
    Available Current Should Be    60/70/80

The Headroom At The Meter At The Connection Is Kept
    [Tags]    MEN-MTR-034
    [Setup]    Start With Load And Vehicles    mennekes/meter-including    40/30/20 A    CP1    CP2
    ...    devices.CP1.parameters.${HEADROOM}=10/20/35
    Signalled Current Of Each Point    settles at    22 A
    Available Current Should Be    50/50/45
    Value Is Kept    ${HEADROOM}    0/0/0
    Signalled Current Of Each Point    settles at    30 A
    Available Current Should Be    60/70/80

The Fallback Is Kept
    [Tags]    MEN-MTR-035
    [Setup]    No Operation
    Fallback Is Kept    mennekes/meter-excluding

The Fallback For The Meter At The Connection Is Kept
    [Tags]    MEN-MTR-035
    [Setup]    No Operation
    Fallback Is Kept    mennekes/meter-including

The Meter Location Excluding Leaves Limit Less Meter
    [Tags]    MEN-MTR-036
    [Setup]    Start Site With    mennekes/meter-excluding    ${LOCATION}    ${INCLUDING}
    External Load Is    40/30/20 A
    Vehicles Come To    CP1
    Available Current Should Be    92/100/100
    Value Is Kept    ${LOCATION}    ${EXCLUDING}
    Available Current Should Be    60/70/80
    Vehicles Come To    CP2
    Signalled Current Of Each Point    settles at    30 A
    Feeder Current    supply    is    100/90/80 A

The Meter Location Including Keeps The Meter At The Limit
    [Tags]    MEN-MTR-037
    [Setup]    Start Site With    mennekes/meter-including    ${LOCATION}    ${EXCLUDING}
    External Load Is    40/30/20 A
    Vehicles Come To    CP1
    Available Current Should Be    28/38/48
    Value Is Kept    ${LOCATION}    ${INCLUDING}
    Available Current Should Be    60/70/80
    Vehicles Come To    CP2
    Signalled Current Of Each Point    settles at    30 A
    Signalled Current Of Each Point    stays at    30 A    within=5 minutes
    Meter Current    M2    is    100/90/80 A

A Single Point's Limits Are Its Installation Current Limit
    [Documentation]    Before, the limits of the group are higher, and the point's own limit decides.
    [Tags]    MEN-MTR-038
    [Setup]    Start Site With    mennekes/standalone-excluding    Installation Current Limit [A]    16
    ...    ${EVSE}    24/25/26    ${OPERATOR}    20/21/22
    Vehicles Come To    CP1
    Signalled Current    CP1    settles at    16 A
    Available Current Should Be    20/21/22
    Value Is Kept    ${EVSE}    16/16/16
    Value Is Kept    ${OPERATOR}    16/16/16
    Available Current Should Be    16/16/16
    Charging Current    CP1    settles at    16/16/16 A
    Limit Registers Should Be    CP1    DLM_EVSE_SUB_DISTRIBUTION_LIMIT    16/16/16
    Limit Registers Should Be    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT    16/16/16

The Meter's Display Shows The Address And The Port That The Master Needs
    [Documentation]    The keys that lead there (MEN-MTR-040) are not emulated.
    [Setup]    Start Site    mennekes/meter-excluding
    Page Should Show    M2    IP    192.168.0.20
    Page Should Show    M2    Modbus Port    502
    Get Parameter    CP1    ${METER_ADDRESS}    ==    192.168.0.20
    Get Parameter    CP1    ${METER_PORT}    ==    502


*** Keywords ***
A Second Step Waits
    [Documentation]    Two steps of the load, the second right after a redistribution: when the next one takes it up.
    [Arguments]    ${at_least}    ${at_most}
    Signalled Current Of Each Point    settles at    30 A
    Set Load    house    50/40/30 A
    Wait Until Keyword Succeeds    65 s    1 s    Signalled Current    CP1    is    25 A
    Set Load    house    60/50/40 A
    Signalled Current    CP1    stays at    25 A    within=${at_least}
    Signalled Current    CP1    settles at    20 A    within=${at_most}

Fallback Is Kept
    [Documentation]    Without a meter; it comes back, and the load counts again.
    [Arguments]    ${site}
    Start Site With    ${site}    ${FALLBACK}    50/60/70
    Set Load    house    40/30/20 A
    Available Current Should Be    60/70/80
    Plant Fault    M2    closed_port
    Available Current Should Be    50/40/30
    Value Is Kept    ${FALLBACK}    9999/9999/9999
    Advance Clock    65 s
    Available Current Should Be    0/0/0
    Plant Fault    M2    none
    Available Current Should Be    60/70/80

The House Takes Everything For
    [Documentation]    The vehicle is paused at 30 A of external load; afterwards there are 25 A for it again.
    [Arguments]    ${time}
    Set Load    house    30 A
    Signalled Current    CP1    settles at    0 A
    Advance Clock    ${time}
    Set Load    house    10 A
