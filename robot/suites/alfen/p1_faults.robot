*** Settings ***
Documentation       A P1 line that carries something wrong, and what the station makes of it: Alfen smart charging
...                 implementation guide 5.3.3.1 (safe current), 10.8 (log) and 10.10 (causes). The guide does not say
...                 how long the station waits for a telegram; 30 s is assumed.
Resource            hil/keywords/farm.resource
Test Setup          A Vehicle Charges With 25 A
Test Tags           alfen    p1    fault


*** Variables ***
${SAFE MODE}        Enter ActiveLB safeMode: 7.0A
${NORMAL MODE}      Leave ActiveLB safeMode
${TWO METERS}       [{kind: p1, between: [P1, CP1]}, {kind: p1, between: [P2, CP1]}]


*** Test Cases ***
Telegrams With A Wrong CRC
    [Tags]    ALF-P1-019    ALF-P1-021
    [Template]    Station Leaves It Out Until It Heals
    crc    P1 Device failure: Read CRC Error    2 s

Half Telegrams
    [Template]    Station Leaves It Out Until It Heals
    half    ended without '!'    3 s

Noise
    [Template]    Station Leaves It Out Until It Heals
    noise    P1 Device failure:    10 s

Binary Data
    [Template]    Station Leaves It Out Until It Heals
    binary    P1 Device failure:    10 s

No Telegrams
    [Tags]    ALF-P1-020    ALF-P1-021
    [Template]    Station Leaves It Out Until It Heals
    silent    Read Timeout Error    31 s

A Data Request That Drops
    [Tags]    ALF-P1-020    ALF-P1-021
    [Template]    Station Leaves It Out Until It Heals
    request_dropped    Read Timeout Error    31 s

A Cable That Is Pulled
    [Tags]    ALF-P1-020    ALF-P1-021
    Cut Link    P1    CP1
    Station Falls Back    Read Timeout Error    31 s
    Restore Link    P1    CP1
    Station Recovers

No Telegram From The Start
    [Tags]    ALF-P1-020
    [Setup]    Start Site    alfen/alb-p1
    Plant Fault    P1    silent
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Device Log Should Contain    CP1    Unable to start P1 communications    within=31 s
    Charging Stays At    7 A
    Plant Fault    P1    none
    Station Recovers

A Meter That Restarts Inside A Telegram Is Not Lost
    Plant Fault    P1    restart
    Device Log Should Contain    CP1    ended without '!'    within=4 s
    Charging Stays At    25 A
    Get Device Log    CP1    not contains    ${SAFE MODE}
    The Meter Is Heard

A Meter That Restarts Again And Again
    FOR    ${_}    IN RANGE    40
        Plant Fault    P1    restart
        Advance Clock    7 s
    END
    Get Device Log    CP1    not contains    ${SAFE MODE}
    The Meter Is Heard

A Loose Plug Costs The Safe Current Only When It Is Open For Longer Than The Station Waits
    [Tags]    ALF-P1-018
    FOR    ${_}    IN RANGE    4
        Cut Link    P1    CP1
        Advance Clock    15 s
        Restore Link    P1    CP1
        Charging Stays At    25 A    for=285 s
    END
    Get Device Log    CP1    not contains    ${SAFE MODE}
    Cut Link    P1    CP1
    Station Falls Back    ${SAFE MODE}    31 s
    Restore Link    P1    CP1
    Station Recovers

Two Meters On One Cable
    [Setup]    Start Site    alfen/alb-p1    meters.P2={type: dsmr_p1, node: H1}    links=${TWO METERS}
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Device Log Should Contain    CP1    P1 Device failure:    within=2 s
    Device Log Should Contain    CP1    Unable to start P1 communications    within=31 s
    Charging Stays At    7 A
    Cut Link    P2    CP1
    Station Recovers

A Meter At The Wrong Baud Rate
    [Documentation]    9600 7E1 of DSMR 3.0 at a port for 115200 8N1.
    [Tags]    ALF-P1-005
    [Setup]    Start Site    alfen/alb-p1    meters.P1.firmware='3.0'
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Device Log Should Contain    CP1    P1 Device failure:    within=12 s
    Device Log Should Contain    CP1    Unable to start P1 communications    within=31 s
    Charging Stays At    7 A


*** Keywords ***
A Vehicle Charges With 25 A
    [Documentation]    A house without load: what the main connection carries goes to the vehicle.
    Start Site    alfen/alb-p1
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Charging Settles At    25 A    within=100 s

Station Leaves It Out Until It Heals
    [Documentation]    What is wrong is never believed; without anything good the station falls back, and it recovers.
    [Arguments]    ${fault}    ${log text}    ${within}
    Set Load    house    10 A
    Charging Settles At    15 A    within=20 s
    Plant Fault    P1    ${fault}
    Charging Stays At    15 A    for=20 s
    Station Falls Back    ${log text}    ${within}
    Charging Stays At    7 A    for=3 minutes
    Set Load    house    0 A
    Plant Fault    P1    none
    Station Recovers

Station Falls Back
    [Documentation]    The log says what is wrong, and the safe current holds when nothing good has come for 30 s.
    [Arguments]    ${log text}    ${within}
    Device Log Should Contain    CP1    ${log text}    within=${within}
    Device Log Should Contain    CP1    ${SAFE MODE}    within=31 s
    Get Display Text    CP1    contains    P1 lost, in safe mode max 7.0A
    Charging Settles At    7 A    within=10 s

Station Recovers
    [Documentation]    The first good telegrams end the safe mode; the meter is heard as before.
    Device Log Should Contain    CP1    ${NORMAL MODE}    within=3 s
    Charging Settles At    25 A    within=80 s
    The Meter Is Heard

The Meter Is Heard
    [Documentation]    A house load lowers the vehicle's current.
    Set Load    house    10 A
    Charging Settles At    15 A    within=20 s

Charging Settles At
    [Documentation]    The station's maximum in force, by Modbus, and what flows in its feeder.
    [Arguments]    ${current}    ${within}
    Feeder Current    Q1    settles at    ${current}    within=${within}
    Get Register    CP1    actual_applied_max_current    ==    ${current}

Charging Stays At
    [Documentation]    As above, over a time.
    [Arguments]    ${current}    ${for}=2 minutes
    Feeder Current    Q1    stays at    ${current}    within=${for}
    Get Register    CP1    actual_applied_max_current    ==    ${current}
