*** Settings ***
Documentation       Car park with several charging points on one supply line: MENNEKES application note AMTRON
...                 Professional, 6.1, and the settings that 6.2 lists for every load-management group.
...
...                 The supply line behind fuse F3 carries 100 A, the four points could take 4 x 32 = 128 A.
Resource            dlm.resource
Test Setup          Start Site    mennekes/car-park
Test Tags           mennekes    dlm


*** Variables ***
${CAR_PARK}         mennekes/car-park


*** Test Cases ***
Vehicles Charge With Full Power Until The Supply Line Is Used Up
    [Tags]    MEN-SUB-002
    [Template]    Another Vehicle Comes
    # point    each point    supply line
    CP1        32 A          32 A
    CP2        32 A          64 A
    CP3        32 A          96 A

A Fourth Vehicle Shares The Supply Line
    [Tags]    MEN-SUB-001    MEN-SUB-003
    [Template]    Another Vehicle Comes
    CP1        32 A          32 A
    CP2        32 A          64 A
    CP3        32 A          96 A
    CP4        25 A          100 A

Vehicles That Leave Give Their Current To The Others
    [Tags]    MEN-SUB-011
    Four Vehicles Charge With    25 A
    Unplug Vehicle    CP1
    Signalled Current Of Each Point    settles at    0 A    32 A    32 A    32 A
    Feeder Current    F3    settles at    96 A
    Unplug Vehicle    CP2
    Signalled Current Of Each Point    settles at    0 A    0 A    32 A    32 A
    Feeder Current    F3    settles at    64 A

The Sum Of All Points Never Exceeds Fuse F3 In Two Random Hours
    [Documentation]    The tripwires fail the test on their own when a conductor is above its limit for more than 65 s.
    ...    The limit was reached, so it was load management that held it.
    [Tags]    MEN-SUB-004    random
    [Setup]    Start Site    ${CAR_PARK}    devices.CP4.phase_order=L3L1L2
    Random Vehicles Come And Go    duration=2 hours
    Feeder Current    F3    should never exceed    100 A
    Get Peak Current    F3    L1    >=    99 A

Two Phase Vehicles Never Overload Fuse F3
    [Documentation]    CP1 hangs on L3/L1/L2, so its vehicle loads L3 and L1, that of CP3 L1 and L2; L1 has all four.
    [Tags]    MEN-SUB-004
    [Setup]    Start Site    ${CAR_PARK}    devices.CP1.phase_order=L3L1L2
    Plug In Vehicle    CP1    phases=2    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Plug In Vehicle    CP3    phases=2    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    25 A
    Signalled Current Of Each Point    stays at    25 A    within=5 minutes
    Feeder Current    F3    is    100/75/75 A
    Feeder Current    F3    should never exceed    100 A

F3 Is The Fuse That The Limit Guards
    [Documentation]    With limits above the fuse, F3 and nothing else is overloaded.
    [Tags]    MEN-SUB-005
    [Setup]    Start Car Park    128/128/128
    Expect Finding    limit
    Four Vehicles Charge With    32 A
    Feeder Current    F3    settles at    128 A
    Advance Clock    66 s
    Finding Should Be Recorded    limit    F3

The Sub Distribution Limit Equals The Rating Of F3
    [Tags]    MEN-SUB-005
    [Setup]    No Operation
    Site Check Should Accept    ${CAR_PARK}
    Site Check Should Say    ${CAR_PARK}    101/100/100 A is above the fuse of 'F3' (100 A).
    ...    devices.CP1.parameters.${EVSE}=101/100/100

One Phase And Three Phase Vehicles Share L1
    [Tags]    MEN-SUB-012
    Plug In Vehicle    CP1    phases=1    max_current=32 A
    Plug In Vehicle    CP2    phases=1    max_current=32 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    25 A
    Feeder Current    F3    settles at    100/50/50 A
    Charging Current    CP1    is    25/0/0 A
    Charging Current    CP4    is    25/25/25 A

A Smaller Fuse Is Shared Out And What A Vehicle Leaves Goes To The Others
    [Tags]    MEN-SUB-013
    [Setup]    Start Car Park    63/63/63    fuse_a=63
    Four Vehicles Charge With    15 A
    Feeder Current    F3    settles at    60 A
    Vehicle Takes    CP4    6 A
    Signalled Current Of Each Point    settles at    19 A    19 A    19 A    6 A
    Feeder Current    F3    settles at    63 A

What A Vehicle Leaves Is Counted In Whole Amperes
    [Documentation]    A vehicle that takes 9.4 A keeps 10 A of them, so that it is not lowered.
    [Tags]    MEN-SUB-013
    [Setup]    Start Car Park    63/63/63    fuse_a=63
    Four Vehicles Charge With    15 A
    Vehicle Takes    CP4    9.4 A
    Signalled Current Of Each Point    settles at    17 A    17 A    17 A    10 A
    Feeder Current    F3    settles at    60.4 A    tolerance=0.1 A

Several Stations Share What The Operator Allows On Their Common Connection
    [Tags]    MEN-SUB-016
    [Setup]    Start Car Park    100/100/100    operator_limit=80/80/80
    Four Vehicles Charge With    20 A
    Feeder Current    F3    settles at    80 A

The Role Of Each Point Is Set As In The Example
    [Documentation]    The satellites find the master although none of them is told an address.
    [Tags]    MEN-SUB-006    MEN-SUB-020
    #                            point    role            DLM_MODE
    Role Is Set And Read Back    CP1      ${MASTER}       1
    Role Is Set And Read Back    CP2      ${SATELLITE}    3
    Role Is Set And Read Back    CP3      ${SATELLITE}    3
    Role Is Set And Read Back    CP4      ${SATELLITE}    3
    All Satellites Are In The Group Of CP1

The Network Id Of Each Point Is Set As In The Example
    [Tags]    MEN-SUB-007
    [Setup]    Start With Other Ids    ${CAR_PARK}
    Satellites Have No Master    CP2    CP3    CP4
    FOR    ${point}    IN    CP1    CP2    CP3    CP4
        Network Id Is Set And Read Back    ${point}    0
    END
    All Satellites Are In The Group Of CP1

There Is One Master For Each Network Id
    [Documentation]    The site check refuses two; two that are set so in operation name each other.
    [Tags]    MEN-DLM-011
    Site Check Should Accept    ${CAR_PARK}
    Site Check Should Say    ${CAR_PARK}    CP1 and CP2 are both DLM master of id 0
    ...    devices.CP2.parameters.${ROLE}=${MASTER}
    Page Should Show    CP1    Error(s)    no errors
    Configure    CP2    ${ROLE}    ${MASTER}
    Page Should Show    CP1    Error(s)    DLM Network Id is used by another DLM master: CP2    within=65 s
    Page Should Show    CP2    Error(s)    DLM Network Id is used by another DLM master: CP1    within=65 s

A Point With Another Network Id Leaves The Group
    [Tags]    MEN-SUB-021
    All Satellites Are In The Group Of CP1
    ${before} =    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    <=    4
    Configure    CP4    ${GROUP}    5
    Page Should Not Show    CP1    DLM Connected Slaves    CP4    within=65 s
    ${one_less} =    Evaluate    str(${before} - 1)
    Get Register    CP1    DLM_NUM_SLAVES_CONNECTED    ==    ${one_less}
    Advance Clock    5 minutes
    Page Should Show    CP4    DLM Master    none

The Limits Are Set In The Master And The Satellites Follow
    [Documentation]    First one of them decides, then the other, each with three different values; then as printed.
    [Tags]    MEN-SUB-008    MEN-SUB-009    MEN-SUB-022
    [Setup]    Start Car Park    50/50/50
    Parameter Should Be Available    CP1    ${EVSE}    ${OPERATOR}
    Limits Are Not Offered    CP2    CP3    CP4
    Limits Are Set And Read Back    CP1    90/72/81    100/99/98
    Four Vehicles Charge With    18 A
    Limits Are Set And Read Back    CP1    97/98/99    80/84/64
    Signalled Current Of Each Point    settles at    16 A
    Limits Are Set And Read Back    CP1    100/100/100    100/100/100
    Signalled Current Of Each Point    settles at    25 A

Role And Network Id Are Set In Every Point And The Limits In The Master Only
    [Tags]    MEN-SUB-036
    [Setup]    Start Car Park    60/60/60
    Parameter Should Be Available    CP1    ${ROLE}    ${GROUP}    ${EVSE}    ${OPERATOR}
    Parameter Should Be Available    CP2    ${ROLE}    ${GROUP}
    Limits Are Not Offered    CP2    CP3    CP4
    Four Vehicles Charge With    15 A

The Operator Limit Acts Up To The Sub Distribution Limit
    [Documentation]    Refused or cut is open: each gets what 60 A gave it, or a quarter of 100 A, and nobody more.
    [Tags]    MEN-SUB-023
    Limits Are Not Offered    CP2    CP3    CP4
    Set Parameter    CP1    ${OPERATOR}    90/75/60
    Save    CP1
    Four Vehicles Charge With    15 A
    Set Parameter    CP1    ${OPERATOR}    120/120/120
    Save    CP1
    Signalled Current Of Each Point    should never exceed    25 A    within=5 minutes
    FOR    ${point}    IN    CP1    CP2    CP3    CP4
        Get Register    ${point}    SIGNALED_CURRENT    >=    15
    END
    Feeder Current    F3    should never exceed    100 A

Only A Saved Limit Survives And Takes Effect
    [Tags]    MEN-SUB-024
    Four Vehicles Charge With    25 A
    Set Parameter    CP1    ${OPERATOR}    60/60/60
    Signalled Current Of Each Point    stays at    25 A    within=65 s
    Restart Device    CP1
    Get Parameter    CP1    ${OPERATOR}    ==    100/100/100
    Signalled Current Of Each Point    settles at    25 A
    Configure    CP1    ${OPERATOR}    60/60/60
    Get Parameter    CP1    ${OPERATOR}    ==    60/60/60
    Limit Registers Should Be    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT    60/60/60
    Signalled Current Of Each Point    settles at    15 A

Four One Phase Vehicles Share L1
    [Documentation]    They come at the same instant; 65 s later each is signalled its share, and keeps it.
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    60/40/20
    Plug In At All Points    phases=1
    Advance Clock    65 s
    Signalled Current Of Each Point    is    15 A
    Signalled Current Of Each Point    stays at    15 A    within=5 minutes
    Feeder Current    F3    is    60/0/0 A
    Feeder Current    F3    should never exceed    60 A

One Phase Vehicles Are Limited On Their Own Phase
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    60/40/20
    [Template]    Another Vehicle Comes
    # point    each point    supply line    vehicle
    CP1        32 A          32/0/0 A       phases=1
    CP2        30 A          60/0/0 A       phases=1
    CP3        20 A          60/0/0 A       phases=1
    CP4        15 A          60/0/0 A       phases=1

The Weakest Phase Decides For Three Phase Vehicles And One Waits
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    60/40/20
    Plug In At All Points    phases=3
    Points That Charge    settles at    3    6 A
    Feeder Current    F3    settles at    18 A
    Advance Clock    10 minutes
    Points That Charge    is    3    6 A
    Feeder Current    F3    is    18 A

Rotated One Phase Vehicles Are Counted Where They Load The Feeder
    [Documentation]    CP1 and CP2 hang on L2/L3/L1: what they call L1 is L2 of the supply line, whose limit is lower.
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    60/40/20    devices.CP1.phase_order=L2L3L1    devices.CP2.phase_order=L2L3L1
    Plug In At All Points    phases=1
    Signalled Current Of Each Point    settles at    20 A    20 A    30 A    30 A    within=130 s
    Charging Current    CP1    settles at    20/0/0 A
    Feeder Current    F3    is    60/40/0 A
    Get Register    CP1    DLM_OVERALL_CURRENT_APPLIED_L1    ==    60
    Get Register    CP1    DLM_OVERALL_CURRENT_APPLIED_L2    ==    40
    Feeder Current    F3    should never exceed    60/40/20 A

Two Phase Vehicles Are Limited On Both Of Their Phases
    [Documentation]    CP1 and CP2 hang on L2/L3/L1: their vehicles load L2 and L3, those of CP3 and CP4 L1 and L2.
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    60/50/20    devices.CP1.phase_order=L2L3L1    devices.CP2.phase_order=L2L3L1
    Plug In At All Points    phases=2
    Signalled Current Of Each Point    settles at    10 A    10 A    15 A    15 A    within=130 s
    Charging Current    CP1    is    10/10/0 A
    Feeder Current    F3    is    30/50/20 A
    Limit Registers Should Be    CP1    DLM_OVERALL_CURRENT_APPLIED    30/50/20
    Feeder Current    F3    should never exceed    60/50/20 A

A Three Phase Vehicle Is Not Counted Like The One Before It
    [Documentation]    The first one loads L1 only, the second one L3 too, whose limit is the lowest.
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    60/40/20
    Another Vehicle Comes    CP1    32 A    32/0/0 A    phases=1
    Unplug Vehicle    CP1
    Another Vehicle Comes    CP1    20 A    20/20/20 A
    Feeder Current    F3    should never exceed    60/40/20 A

The Lower Of Both Limits Holds On Each Phase
    [Documentation]    The lower one is that of the EVSE on L1 and L3, the operator's on L2; each phase has its vehicle.
    [Tags]    MEN-SUB-025
    [Setup]    Start Car Park    41/80/22    operator_limit=90/28/80
    ...    devices.CP2.phase_order=L2L3L1    devices.CP3.phase_order=L3L1L2
    Plug In At All Points    phases=1
    Signalled Current Of Each Point    settles at    20 A    28 A    22 A    20 A    within=130 s
    Feeder Current    F3    is    40/28/22 A
    Limit Registers Should Be    CP1    DLM_OVERALL_CURRENT_AVAILABLE    41/28/22
    Limit Registers Should Be    CP1    DLM_OVERALL_CURRENT_APPLIED    40/28/22

Each Point Has Limits Of Its Own And The Others Get What They Leave
    [Documentation]    The cable of 13 A, the installation's 20 A and the operator's 16 A leave 31 A of 80 A.
    [Setup]    Start Car Park    80/80/80    vehicles.thin.cable_a=13
    ...    devices.CP2.parameters.Installation Current Limit [A]=20
    ...    devices.CP3.parameters.Operator Current Limit [A]=16
    Plug In Vehicle    CP1    vehicle=thin
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    13 A    20 A    16 A    31 A
    Feeder Current    F3    settles at    80 A
    Page Should Show    CP1    Limited by    cable
    Get Register    CP1    MAX_CUR_EV    ==    13

A Point That Has Lost Its Master Offers Its Disconnected Limit
    [Documentation]    The master keeps that much free for it and shares out the rest.
    [Setup]    Start Car Park    60/60/60    devices.CP4.parameters.Disconnected Limit [A]=10
    Four Vehicles Charge With    15 A
    Cut Link    CP4
    Signalled Current    CP4    settles at    10 A    within=30 s
    Signalled Current Of Each Point    settles at    16 A    16 A    16 A    10 A
    Feeder Current    F3    settles at    58 A
    Restore Link    CP4
    Signalled Current Of Each Point    settles at    15 A
    Feeder Current    F3    should never exceed    60 A

A Raise Waits Until The Cuts That Pay For It Are Obeyed
    [Documentation]    A vehicle may take 5 s to follow a lower offer; so long the newcomer gets nothing of it.
    [Setup]    Start Car Park    64/64/64    vehicles.slow.reaction_s=4.5
    Plug In Vehicle    CP1    vehicle=slow
    Plug In Vehicle    CP2    vehicle=slow
    Feeder Current    F3    settles at    64 A    within=20 s
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    21 A    21 A    21 A    0 A
    Feeder Current    F3    settles at    63 A
    Feeder Current    F3    should never exceed    64 A

The Vehicle Draws Only What It Is Offered
    [Documentation]    The master has nothing to give: the vehicle waits. Then there are just 6 A, then nothing again.
    [Setup]    Start Car Park    5/5/5
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Signalled Current    CP1    stays at    0 A
    Charging Current    CP1    is    0 A
    Get Register    CP1    VEHICLE_STATE    ==    2
    Configure    CP1    ${EVSE}    10/10/10
    Configure    CP1    ${OPERATOR}    6/6/6
    Charging Current    CP1    settles at    6/6/6 A
    Configure    CP1    ${OPERATOR}    5/5/5
    Charging Current    CP1    settles at    0 A
    Get Register    CP1    VEHICLE_STATE    ==    2


*** Keywords ***
Start Car Park
    [Documentation]    The car park with other limits, and another fuse F3 if need be.
    [Arguments]    ${limit}    ${operator_limit}=${limit}    ${fuse_a}=100    &{fields}
    Start Site    ${CAR_PARK}    &{fields}    feeders.F3.fuse.rating_a=${fuse_a}
    ...    devices.CP1.parameters.${EVSE}=${limit}
    ...    devices.CP1.parameters.${OPERATOR}=${operator_limit}

Another Vehicle Comes
    [Documentation]    One more vehicle; then every point with a vehicle signals its share.
    [Arguments]    ${point}    ${share}    ${total}    ${phases}=3
    Plug In Vehicle    ${point}    phases=${phases}    max_current=32 A
    Signalled Current Of Each Point    settles at    ${share}
    Feeder Current    F3    settles at    ${total}
    Feeder Current    F3    should never exceed    100 A

All Satellites Are In The Group Of CP1
    [Documentation]    Each satellite has found its master without an address, and the master lists it.
    FOR    ${point}    IN    CP2    CP3    CP4
        Parameter Should Not Be Available    ${point}    DLM Master IP
        Page Should Show    ${point}    DLM Master    CP1    within=65 s
        Page Should Show    CP1    DLM Connected Slaves    ${point}    within=65 s
    END
