*** Settings ***
Documentation       Option 2, the energy meter measures external consumers and charging stations: MENNEKES application
...                 note AMTRON Professional, 6.3.2.
...
...                 Main fuse F1 and Main Distribution Limit are 100 A; M2 sits at the main connection.
Resource            energy_meter.resource
Test Setup          Start Site    mennekes/meter-including
Test Tags           mennekes    dlm    meter


*** Test Cases ***
The Master Queries The Meter That Measures Everything At Regular Intervals
    [Tags]    MEN-MTR-045
    Requests Should Come Regularly    M2    duration=120 s    period=30 s    deviation_pct=20

The Measured Value Stays At The Main Distribution Limit
    [Documentation]    The tripwires fail the test on their own when M2 is above the limit for more than 65 s.
    [Tags]    MEN-MTR-045    random
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2    CP3    CP4
    Signalled Current Of Each Point    settles at    15 A
    Meter Current    M2    settles at    100/90/80 A
    Load Varies    house    duration=30 minutes    max_load=70 A
    Vehicles Leave    CP2    CP3    CP4
    Set Load    house    70/20/20 A
    Signalled Current Of Each Point    settles at    30 A
    Signalled Current Of Each Point    stays at    30 A    within=5 minutes
    Meter Current    M2    is    100/50/50 A

The Points' Own Currents Are Taken Off The Phases That They Load
    [Documentation]    6.3.2: what M2 shows is the consumers and the points together, so each point's own current is
    ...    taken off where it flows: on the grid's phase, whichever conductor the point calls L1.
    [Tags]    MEN-MTR-045    MEN-MTR-007
    [Setup]    No Operation
    Different Vehicles Hang On Rotated Points    mennekes/meter-including
    Meter Current    M2    is    98.4/99.7/68.2 A
    Set Load    house    60.4/30.2/85.5 A
    Signalled Current Of Each Point    settles at    32 A    7 A    7 A    0 A    within=130 s
    Meter Current    M2    is    74.4/69.2/99.5 A
    Feeder Current    EVSE    is    14/39/14 A

The Remaining Current Is Distributed Evenly Behind The Meter At The Connection
    [Tags]    MEN-MTR-016
    [Setup]    Start With Load And Vehicles    mennekes/meter-including    40/35.5/20 A
    [Template]    Another Vehicle At The Meter
    CP1    32 A
    CP2    30 A
    CP3    20 A
    CP4    15 A

In A House The Meter Sits At The Main Connection
    [Tags]    MEN-MTR-046
    [Setup]    Start Site    mennekes/standalone-including
    Set Load    house    20/15/10 A
    Plug In Vehicle    CP1    phases=3    max_current=32 A    asks_for=12 A
    Feeder Current    Q1    settles at    12 A
    Feeder Current    F2    is    20/15/10 A
    Meter Current    M1    settles at    32/27/22 A    within=10 s
    Meter Current    M2    is    32/27/22 A

In An Apartment Building The Meter Sits At The Main Connection
    [Tags]    MEN-MTR-047
    [Setup]    Start Site    mennekes/apartment-including
    Set Load    house    20/15/10 A
    FOR    ${point}    IN    CP1    CP2    CP3
        Plug In Vehicle    ${point}    phases=3    max_current=20 A
    END
    FOR    ${breaker}    IN    Q1    Q2    Q3
        Feeder Current    ${breaker}    settles at    20 A
    END
    Meter Current    M1    settles at    80/75/70 A    within=10 s
    Meter Current    M2    is    80/75/70 A

Two Vehicles Fill The Connection Up To Its Limit
    [Documentation]    Worked example 1 of option 2.
    [Tags]    MEN-MTR-048
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Meter Current    M2    settles at    100/90/80 A

A Step Of The Consumers Is Taken Back From The Vehicles
    [Documentation]    Worked example 2 of option 2.
    [Tags]    MEN-MTR-049
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Points And Meter Settle At    30 A    100/90/80 A
    Set Load    house    80/70/60 A
    Advance Clock    1 s
    Meter Current    M2    is    140/130/120 A
    Points And Meter Settle At    10 A    100/90/80 A
    Set Load    house    10/5/0 A
    Points And Meter Settle At    32 A    74/69/64 A

A Step Of Another Phase Is Taken Back Too
    [Tags]    MEN-MTR-049
    [Setup]    Start With Load And Vehicles    mennekes/meter-including    10/5/0 A    CP1    CP2
    Points And Meter Settle At    32 A    74/69/64 A
    Set Load    house    40/50/80.4 A
    Points And Meter Settle At    9 A    58/68/98.4 A

What A Tapering Vehicle Leaves Goes To The Others
    [Documentation]    Worked example 3 of option 2.
    [Tags]    MEN-MTR-050
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2    CP3
    Signalled Current Of Each Point    settles at    20 A
    Meter Current    M2    settles at    100/90/80 A
    Vehicle Takes    CP1    8 A
    Signalled Current Of Each Point    settles at    26 A    points=CP2, CP3
    Charging Current    CP1    is    8/8/8 A
    Meter Current    M2    settles at    100/90/80 A    within=10 s

Option 2 Gives The Points What Option 1 Gives Them
    [Documentation]    Worked example 4 of option 2; the other half, with the same rows, is in the suite of option 1.
    [Tags]    MEN-MTR-007    MEN-MTR-051
    [Template]    Script Step
    # load    come           leave       each    F1
    20 A      CP1 CP2 CP3    ${EMPTY}    26 A    98 A
    55 A      ${EMPTY}       ${EMPTY}    15 A    100 A
    85 A      ${EMPTY}       CP3         7 A     99 A
    30 A      CP3 CP4        ${EMPTY}    17 A    98 A
    # another phase decides, and no whole numbers
    10/30.6/20 A    ${EMPTY}    ${EMPTY}    17 A    78/98.6/88 A
    50/0/74.4 A     ${EMPTY}    CP2         8 A     74/24/98.4 A

Headroom Is Kept Free At The Meter
    [Tags]    MEN-MTR-055
    [Setup]    Start With Load And Vehicles    mennekes/meter-including    40/30/20 A    CP1    CP2
    ...    devices.CP1.parameters.${HEADROOM}=10/8/6
    Signalled Current Of Each Point    settles at    25 A
    Available Current Should Be    50/62/74
    Meter Current    M2    settles at    90/80/70 A
    Set Parameter    CP1    ${HEADROOM}    0/0/31
    Save    CP1
    Signalled Current Of Each Point    settles at    24 A
    Available Current Should Be    60/70/49
    Meter Current    M2    settles at    88/78/68 A

An Energy Manager Changes The Operator Limit Behind The Meter At The Connection
    [Tags]    MEN-MTR-039
    [Setup]    Start With Load And Vehicles    mennekes/meter-including    0 A    CP1    CP2    CP3    CP4
    The Operator Limit Changes During Operation

The Lowest Bound Decides On Each Phase While Vehicles Charge
    [Documentation]    EVSE limit on L1, operator limit on L2, what the main fuse has left on L3.
    [Tags]    MEN-MTR-062
    [Setup]    Start With Load And Vehicles    mennekes/meter-including    10/20/50.4 A    CP1    CP2
    ...    devices.CP1.parameters.${OPERATOR}=100/64/64
    ...    devices.CP1.parameters.${EVSE}=80/100/100
    ...    devices.CP1.parameters.${HEADROOM}=0/0/5
    Available Current Should Be    80/64/44
    Signalled Current Of Each Point    settles at    22 A
    Available Current Should Be    80/64/44
    Meter Current    M2    is    54/64/94.4 A

Energy That Is Fed In Is There For The Vehicles Behind The Meter At The Connection
    [Tags]    MEN-MTR-061
    [Setup]    No Operation
    Energy Is Fed In On Each Phase    mennekes/meter-including
    Meter Current    M2    is    30/70/99.6 A

Each Phase Has A Direction Of Its Own At The Meter At The Connection
    [Tags]    MEN-MTR-061
    [Setup]    No Operation
    Energy Is Fed In On Some Phases    mennekes/meter-including
    Meter Current    M2    is    29/-11/99 A

A Meter At The Connection That Is Believed Behind F2 Counts Vehicles Twice
    [Documentation]    Wrong location, case A: the points settle at half of the correct 60 A at most, or they swing
    ...    down to it again and again; the main fuse is safe. They are not simply off: in between they charge.
    [Tags]    MEN-MTR-052
    [Setup]    Start Site With    mennekes/meter-including    ${LOCATION}    ${EXCLUDING}
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    FOR    ${_}    IN RANGE    10
        Wait Until Keyword Succeeds    60 s    5 s
        ...    Feeder Current    EVSE    should be at most    30 A    within=0 s
        Wait Until Keyword Succeeds    5 minutes    5 s
        ...    Get Register    CP1    DLM_OVERALL_CURRENT_APPLIED_L1    >=    6 A
        Advance Clock    60 s
    END
    Feeder Current    supply    should never exceed    100/90/80 A

A Meter Behind F2 That Is Believed At The Connection Overloads The Main Fuse
    [Documentation]    Wrong location, case B: what the vehicles draw is subtracted from a value that does not have it.
    [Tags]    MEN-MTR-053
    [Setup]    Start Site With    mennekes/meter-excluding    ${LOCATION}    ${INCLUDING}
    Expect Finding    limit
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2    CP3    CP4
    Signalled Current Of Each Point    settles at    25 A
    Feeder Current    supply    settles at    140/130/120 A
    Signalled Current Of Each Point    stays at    25 A    within=9 minutes
    Finding Should Be Recorded    limit    supply

A Wrong Meter Location Is Reported By The Site Check
    [Tags]    MEN-MTR-052    MEN-MTR-053
    [Setup]    No Operation
    Site Check Should Accept    mennekes/meter-including
    Site Check Should Accept    mennekes/meter-excluding
    Site Check Should Say    mennekes/meter-including    measures the charging points too
    ...    devices.CP1.parameters.External Meter Location=${EXCLUDING}
    Site Check Should Say    mennekes/meter-excluding    measures other consumers only
    ...    devices.CP1.parameters.External Meter Location=${INCLUDING}
