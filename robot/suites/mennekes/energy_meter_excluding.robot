*** Settings ***
Documentation       Option 1, the energy meter measures the external consumers only: MENNEKES application note AMTRON
...                 Professional, 6.3.1.
...
...                 Main fuse F1 and Main Distribution Limit are 100 A, in the single-family house 35 A.
Resource            energy_meter.resource
Test Setup          Start Site    mennekes/meter-excluding
Test Tags           mennekes    dlm    meter


*** Test Cases ***
The Master Queries The Meter At Regular Intervals
    [Tags]    MEN-MTR-014
    Requests Should Come Regularly    M2    duration=120 s    period=30 s    deviation_pct=20

The Master Offers What The Meter Leaves Of The Main Distribution Limit
    [Tags]    MEN-MTR-015
    [Template]    External Load Leaves
    # external load    available
    0 A                100/100/100
    40/30/20 A         60/70/80
    20/30/40 A         80/70/60
    97/0/50 A          3/100/50
    23.4/30.6/41.2 A   76/69/58

The Remaining Current Is Distributed Evenly
    [Tags]    MEN-MTR-016
    [Setup]    Start With External Load    40/35.5/20 A
    [Template]    Another Vehicle At The Meter
    CP1    32 A
    CP2    30 A
    CP3    20 A
    CP4    15 A

Meter And Charging Station Work Over A Switch
    [Tags]    MEN-MTR-017
    [Setup]    No Operation
    House With One Point Charges    links=[{between: [CP1, switch]}, {between: [M2, switch]}]

Meter And Charging Station Work Over A Direct Cable
    [Documentation]    In a small subnet of their own.
    [Tags]    MEN-MTR-017
    [Setup]    No Operation
    House With One Point Charges    links=[{between: [CP1, M2]}]
    ...    networks.lan=192.168.0.0/24    networks.direct=192.168.1.0/30
    ...    devices.CP1.network=direct    devices.CP1.address=192.168.1.1
    ...    meters.M2.network=direct    meters.M2.address=192.168.1.2
    ...    devices.CP1.parameters.IP address of second meter=192.168.1.2

In A House The Meter Sits Behind Fuse F2
    [Tags]    MEN-MTR-018
    [Setup]    Start Site    mennekes/standalone-excluding
    Set Load    house    20/15/10 A
    Plug In Vehicle    CP1    phases=3    max_current=32 A    asks_for=12 A
    Feeder Current    Q1    settles at    12 A
    Feeder Current    F2    is    20/15/10 A
    Meter Current    M1    settles at    32/27/22 A    within=10 s
    Meter Current    M2    is    20/15/10 A

In An Apartment Building The Meter Sits Behind Fuse F2
    [Tags]    MEN-MTR-019
    [Setup]    Start Site    mennekes/apartment-excluding
    Set Load    house    20/15/10 A
    FOR    ${point}    IN    CP1    CP2    CP3
        Plug In Vehicle    ${point}    phases=3    max_current=20 A
    END
    FOR    ${breaker}    IN    Q1    Q2    Q3
        Feeder Current    ${breaker}    settles at    20 A
    END
    Meter Current    M1    settles at    80/75/70 A    within=10 s
    Meter Current    M2    is    20/15/10 A

The Main Distribution Limit Is The Rating Of Main Fuse F1
    [Documentation]    The legends call F1 'EVSE Sub-Distribution Limit', the parameter table says otherwise.
    [Tags]    MEN-MTR-020
    [Setup]    Start Site With    mennekes/meter-excluding    ${MAIN_LIMIT}    63/63/63    supply.main_fuse.rating_a=63
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Limit Registers Should Be    CP1    DLM_EVSE_SUB_DISTRIBUTION_LIMIT    100/100/100
    Available Current Should Be    23/33/43
    Signalled Current Of Each Point    settles at    11 A
    Feeder Current    supply    settles at    62/52/42 A

Two Vehicles Share What Uneven Consumers Leave
    [Documentation]    Worked example 1 of option 1.
    [Tags]    MEN-MTR-041
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Available Current Should Be    60/70/80
    Signalled Current Of Each Point    settles at    30 A
    Feeder Current    supply    settles at    100/90/80 A

Vehicles Follow The Steps Of The Consumers
    [Documentation]    Worked example 2 of option 1; which of the two points waits is not stated.
    [Tags]    MEN-MTR-042
    [Setup]    Start With External Load    40 A    CP1    CP2
    [Template]    Load Step Leaves
    # external load    points that charge    current
    40 A               2                     30 A
    80 A               2                     10 A
    92 A               1                     8 A
    97 A               0                     0 A
    40 A               2                     30 A

One Loaded Phase Binds Single And Three Phase Vehicles
    [Documentation]    Worked example 3 of option 1.
    [Tags]    MEN-MTR-043
    [Setup]    Start With External Load    70/20/20 A
    Plug In Vehicle    CP1    phases=1    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Plug In Vehicle    CP3    phases=1    max_current=32 A
    Signalled Current Of Each Point    settles at    10 A
    Charging Current    CP1    settles at    10/0/0 A
    Charging Current    CP2    settles at    10/10/10 A
    Charging Current    CP3    settles at    10/0/0 A
    Vehicles Leave    CP1    CP3
    Signalled Current Of Each Point    settles at    30 A
    Charging Current    CP2    settles at    30/30/30 A

The Vehicle Of A House Follows Its Consumers
    [Documentation]    Worked example 4 of option 1: main fuse F1 has 35 A.
    [Tags]    MEN-MTR-044
    [Setup]    Start House    3 A
    [Template]    Load Step Leaves
    3 A     1    32 A
    15 A    1    20 A
    28 A    1    7 A
    30 A    0    0 A
    # no whole numbers, and each phase once
    9.6/3/3 A    1    25 A
    3/23.4/3 A    1    11 A
    3/3/28.8 A    1    6 A

Option 1 Gives The Points What Option 2 Gives Them
    [Documentation]    Worked example 4 of option 2; the other half, with the same rows, is in the suite of option 2.
    [Tags]    MEN-MTR-007    MEN-MTR-051
    [Setup]    Start With External Load    0 A
    [Template]    Script Step
    # load    come           leave       each    F1
    20 A      CP1 CP2 CP3    ${EMPTY}    26 A    98 A
    55 A      ${EMPTY}       ${EMPTY}    15 A    100 A
    85 A      ${EMPTY}       CP3         7 A     99 A
    30 A      CP3 CP4        ${EMPTY}    17 A    98 A
    # another phase decides, and no whole numbers
    10/30.6/20 A    ${EMPTY}    ${EMPTY}    17 A    78/98.6/88 A
    50/0/74.4 A     ${EMPTY}    CP2         8 A     74/24/98.4 A

Option 1 Gives Different Vehicles At Rotated Points What Option 2 Gives Them
    [Documentation]    The other half, with the same numbers, is in the suite of option 2.
    [Tags]    MEN-MTR-007
    [Setup]    No Operation
    Different Vehicles Hang On Rotated Points    mennekes/meter-excluding

An Energy Manager Changes The Operator Limit During Operation
    [Tags]    MEN-MTR-039
    [Setup]    Start With External Load    0 A    CP1    CP2    CP3    CP4
    The Operator Limit Changes During Operation

Headroom Is Kept Free At The Main Fuse
    [Tags]    MEN-MTR-054
    [Setup]    Start With Parameter And Two Vehicles    ${HEADROOM}    10/8/6    40/30/20 A
    Signalled Current Of Each Point    settles at    25 A
    Available Current Should Be    50/62/74
    Feeder Current    supply    settles at    90/80/70 A
    Set Parameter    CP1    ${HEADROOM}    0/0/0
    Save    CP1
    Signalled Current Of Each Point    settles at    30 A
    Available Current Should Be    60/70/80
    Feeder Current    supply    settles at    100/90/80 A

Headroom Is Kept Free On The Phase Where It Is Needed
    [Tags]    MEN-MTR-054
    [Setup]    Start With Parameter And Two Vehicles    ${HEADROOM}    0/0/31    40/30.4/20 A
    Signalled Current Of Each Point    settles at    24 A
    Available Current Should Be    60/69/49
    Feeder Current    supply    settles at    88/78.4/68 A

The Lowest Bound Decides
    [Documentation]    Operator limit 64 A, main distribution limit less the external load.
    [Tags]    MEN-MTR-062
    [Setup]    Start Site With    mennekes/meter-excluding    ${OPERATOR}    64/64/64
    Vehicles Come To    CP1    CP2    CP3    CP4
    Set Load    house    20/10/0 A
    Signalled Current Of Each Point    settles at    16 A
    Available Current Should Be    64/64/64
    Set Load    house    50/40.3/30 A
    Signalled Current Of Each Point    settles at    12 A
    Available Current Should Be    50/59/64

The Lowest Bound Decides On Each Phase
    [Documentation]    Each of the three bounds once on each phase.
    [Tags]    MEN-MTR-062
    [Template]    Each Phase Has Its Own Bound
    # EVSE         operator     headroom    external load    available
    80/100/100     100/64/64    0/0/5       0/10/50 A        80/64/45
    100/71/100     64/100/64    5/0/0       55.4/10/0 A      39/71/64
    100/100/66     66/80/100    0/7/0       10/60/0.4 A      66/33/66

Feed-In Behind The Meter Counts As Negative Load
    [Documentation]    A current has no sign; the meter's active power gives it one. No deviation is to be reported.
    [Tags]    MEN-MTR-061
    [Setup]    Start Site    mennekes/meter-excluding    pv.roof.feeder=F2    pv.roof.current_a=100
    External Load Is    10 A
    Feeder Current    F2    is    -90 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    32 A
    Available Current Should Be    100/100/100
    Feeder Current    supply    settles at    -26 A
    Feeder Current    supply    should never exceed    100 A

What Is Fed In Is There For The Vehicles Where The Charging Points' Limits Allow It
    [Documentation]    With limits of 200 A the main fuse decides, and it carries 100 A more than what is fed in.
    [Tags]    MEN-MTR-061
    [Setup]    No Operation
    Energy Is Fed In On Each Phase    mennekes/meter-excluding

Each Phase Has A Direction Of Its Own
    [Documentation]    Together the phases draw nothing or feed in; what L1 draws is load all the same.
    [Tags]    MEN-MTR-061
    [Setup]    No Operation
    Energy Is Fed In On Some Phases    mennekes/meter-excluding


*** Keywords ***
Start With External Load
    [Documentation]    Four points and a meter that has measured this load for a while; then vehicles come.
    [Arguments]    ${load}    @{points}
    Start Site    mennekes/meter-excluding
    External Load Is    ${load}
    Vehicles Come To    @{points}

Start House
    [Documentation]    The single-family house with its vehicle.
    [Arguments]    ${load}
    Start Site    mennekes/standalone-excluding
    External Load Is    ${load}
    Vehicles Come To    CP1

Start With Parameter And Two Vehicles
    [Documentation]    The master has another parameter from the start.
    [Arguments]    ${parameter}    ${value}    ${load}
    Start Site With    mennekes/meter-excluding    ${parameter}    ${value}
    External Load Is    ${load}
    Vehicles Come To    CP1    CP2

Each Phase Has Its Own Bound
    [Documentation]    The three limits, saved in the running master, the external load, and what is available then.
    [Arguments]    ${evse_limit}    ${operator_limit}    ${kept_free}    ${load}    ${available}
    Set Parameter    CP1    ${EVSE}    ${evse_limit}
    Set Parameter    CP1    ${OPERATOR}    ${operator_limit}
    Set Parameter    CP1    ${HEADROOM}    ${kept_free}
    Save    CP1
    External Load Leaves    ${load}    ${available}

House With One Point Charges
    [Documentation]    The same currents, whatever cable leads to the meter.
    [Arguments]    &{fields}
    Start Site    mennekes/standalone-excluding    &{fields}
    External Load Is    15 A
    Page Should Show    CP1    Second Meter    15/15/15 A
    Page Should Show    CP1    Error(s)    no errors
    Vehicles Come To    CP1
    Signalled Current    CP1    settles at    20 A
    Feeder Current    supply    settles at    35 A
    Requests At    M2    duration=10 s
    Clients Of    M2    CP1
