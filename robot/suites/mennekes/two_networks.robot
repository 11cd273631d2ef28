*** Settings ***
Documentation       Charging stations on two supply lines with a load-management id each: MENNEKES application note
...                 AMTRON Professional, 6.2.
...
...                 CP1 and CP2 hang on feeder F_ID1 and have id 1, CP3 and CP4 hang on F_ID0 and have id 0; all four
...                 share one switch. With two points a group can take 64 A, so the examples use limits below that.
Resource            dlm.resource
Test Setup          Start Site    mennekes/two-networks
Test Tags           mennekes    dlm


*** Variables ***
${TWO_NETWORKS}     mennekes/two-networks


*** Test Cases ***
Load Management Runs Separately For Each Supply Line
    [Tags]    MEN-SUB-014
    [Setup]    Start Two Networks    id_1=40/40/40    id_0=100/100/100
    Plug In At All Points
    Signalled Current Of Each Point    settles at    20 A    20 A    32 A    32 A
    Feeder Current    F_ID1    settles at    40 A
    Feeder Current    F_ID0    settles at    64 A

A Vehicle That Leaves Helps Its Own Group Only
    [Tags]    MEN-SUB-015
    [Setup]    Start Two Networks    id_1=40/40/40    id_0=40/40/40
    Plug In At All Points
    Signalled Current Of Each Point    settles at    20 A    20 A    20 A    20 A
    Unplug Vehicle    CP1
    Signalled Current Of Each Point    stays at    20 A    points=CP3, CP4    within=65 s
    Signalled Current Of Each Point    is    0 A    32 A    20 A    20 A
    Signalled Current Of Each Point    stays at    20 A    points=CP3, CP4    within=10 minutes
    Feeder Current    F_ID0    is    40 A
    Page Should Not Show    CP3    DLM Connected Slaves    CP1
    Page Should Not Show    CP3    DLM Connected Slaves    CP2

Neither Fuse Is Overloaded In Two Random Hours
    [Documentation]    The tripwires fail the test on their own when a conductor is above its limit for more than 65 s.
    [Tags]    MEN-SUB-017    random
    [Setup]    Start Two Networks    id_1=40/40/40    id_0=40/40/40
    ...    feeders.F_ID1.fuse.rating_a=40    devices.CP1.parameters.${EVSE}=40/40/40
    ...    feeders.F_ID0.fuse.rating_a=40    devices.CP3.parameters.${EVSE}=40/40/40
    ...    devices.CP2.phase_order=L3L1L2    devices.CP4.phase_order=L2L3L1
    Random Vehicles Come And Go    duration=2 hours
    Feeder Current    F_ID1    should never exceed    40 A
    Feeder Current    F_ID0    should never exceed    40 A
    Get Peak Current    F_ID1    L1    >=    39 A
    Get Peak Current    F_ID0    L2    >=    39 A

Each Feeder Has A Fuse And A Group Of Its Own
    [Documentation]    Limits above a fuse are reported for each of the two, so each fuse belongs to its own master.
    [Tags]    MEN-SUB-018
    Site Check Should Accept    ${TWO_NETWORKS}
    Site Check Should Say    ${TWO_NETWORKS}    101/100/100 A is above the fuse of 'F_ID1' (100 A).
    ...    devices.CP1.parameters.${EVSE}=101/100/100
    Site Check Should Say    ${TWO_NETWORKS}    101/100/100 A is above the fuse of 'F_ID0' (100 A).
    ...    devices.CP3.parameters.${EVSE}=101/100/100
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Feeder Current    F_ID1    settles at    32 A
    Feeder Current    F_ID0    is    0 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Feeder Current    F_ID0    settles at    32 A
    Feeder Current    F_ID1    is    32 A
    The Groups Are Those Of The Example

The Roles Of Both Groups Are Set As In The Example
    [Tags]    MEN-SUB-026    MEN-SUB-029
    #                            point    role            DLM_MODE
    Role Is Set And Read Back    CP1      ${MASTER}       1
    Role Is Set And Read Back    CP2      ${SATELLITE}    3
    Role Is Set And Read Back    CP3      ${MASTER}       1
    Role Is Set And Read Back    CP4      ${SATELLITE}    3
    The Groups Are Those Of The Example

The Network Ids Of Both Groups Are Set As In The Example
    [Tags]    MEN-SUB-027    MEN-SUB-030
    [Setup]    Start With Other Ids    ${TWO_NETWORKS}
    Satellites Have No Master    CP2    CP4
    #                                  point    id
    Network Id Is Set And Read Back    CP1      1
    Network Id Is Set And Read Back    CP2      1
    Network Id Is Set And Read Back    CP3      0
    Network Id Is Set And Read Back    CP4      0
    The Groups Are Those Of The Example

The Limits Of Both Masters Are Set And Their Points Follow
    [Documentation]    First both limits are so low that one of them decides, in each group the other one.
    [Tags]    MEN-SUB-028    MEN-SUB-031
    [Setup]    Start Two Networks    id_1=48/48/48    id_0=48/48/48
    ...    devices.CP1.parameters.${EVSE}=48/48/48    devices.CP3.parameters.${EVSE}=48/48/48
    Limits Are Not Offered    CP2    CP4
    Limits Are Set And Read Back    CP1    60/40/50    100/90/80
    Limits Are Set And Read Back    CP3    100/90/80    60/50/36
    Plug In At All Points
    Signalled Current Of Each Point    settles at    20 A    20 A    18 A    18 A
    Limits Are Set And Read Back    CP1    100/100/100    100/100/100
    Limits Are Set And Read Back    CP3    100/100/100    100/100/100
    Signalled Current Of Each Point    settles at    32 A
    Feeder Current    F_ID1    settles at    64 A
    Feeder Current    F_ID0    settles at    64 A

Master Auto Recovery Is A Typing Error For Master Auto Discovery
    [Documentation]    The table of id 1 prints 'Master-Auto-Recovery' for CP2.
    [Tags]    MEN-SUB-032
    Parameter Should Refuse    CP2    ${ROLE}    DLM Slave (Master-Auto-Recovery)
    Configure    CP2    ${ROLE}    ${SATELLITE}
    Get Parameter    CP2    ${ROLE}    ==    ${SATELLITE}

Each Group Shares Its Own Limit And An Idle Group Does Not Help The Other
    [Tags]    MEN-SUB-033    MEN-SUB-034
    [Setup]    Start Two Networks    id_1=40/40/40    id_0=50/50/50
    Plug In At All Points
    Signalled Current Of Each Point    settles at    20 A    20 A    25 A    25 A
    Unplug Vehicle    CP3
    Unplug Vehicle    CP4
    Signalled Current Of Each Point    stays at    20 A    points=CP1, CP2    within=10 minutes
    Feeder Current    F_ID1    is    40 A
    Feeder Current    F_ID0    is    0 A

A Point That Moves To The Other Id Is Shared With There
    [Documentation]    CP2 still hangs on the line of id 1, which id 0 does not guard: the site check says so.
    [Tags]    MEN-SUB-035
    [Setup]    Start Two Networks    id_1=40/40/40    id_0=50/50/50
    Plug In At All Points
    Signalled Current Of Each Point    settles at    20 A    20 A    25 A    25 A
    Configure    CP2    ${GROUP}    0
    Signalled Current Of Each Point    settles at    32 A    16 A    16 A    16 A
    Feeder Current    F_ID1    settles at    48 A
    Feeder Current    F_ID0    settles at    32 A
    Site Check Should Say    ${TWO_NETWORKS}    id and feeder differ: CP2 hangs on 'F_ID1'
    ...    devices.CP2.parameters.${GROUP}=0


*** Keywords ***
Start Two Networks
    [Documentation]    The example with other operator limits of the masters, and other fields of the site if need be.
    [Arguments]    ${id_1}    ${id_0}    &{overrides}
    Start Site    ${TWO_NETWORKS}
    ...    devices.CP1.parameters.${OPERATOR}=${id_1}
    ...    devices.CP3.parameters.${OPERATOR}=${id_0}
    ...    &{overrides}

The Groups Are Those Of The Example
    [Documentation]    Each satellite has found its master; a master lists its own group only.
    Page Should Show    CP2    DLM Master    CP1    within=65 s
    Page Should Show    CP4    DLM Master    CP3    within=65 s
    Page Should Show    CP1    DLM Connected Slaves    CP2    within=65 s
    Page Should Show    CP3    DLM Connected Slaves    CP4    within=65 s
    FOR    ${stranger}    IN    CP3    CP4
        Page Should Not Show    CP1    DLM Connected Slaves    ${stranger}
    END
    FOR    ${stranger}    IN    CP1    CP2
        Page Should Not Show    CP3    DLM Connected Slaves    ${stranger}
    END
