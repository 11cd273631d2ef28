*** Settings ***
Documentation       OCPP 1.6 smart charging: Alfen smart charging implementation guide, 2.5, 2.7.1, 5.3.3.4, 6.3.4.2, 7.
...                 The station's meters are looked at through the back office and at the main connection.
Resource            hil/keywords/farm.resource
Test Setup          Start With Vehicle
Test Tags           alfen    ocpp    needs:backend-api


*** Variables ***
${SITE}             alfen/back-office
${KEY}              ChargeProfileMaxStackLevel
@{PURPOSES}         ChargePointMaxProfile    TxDefaultProfile    TxProfile


*** Test Cases ***
The Station Speaks OCPP With Smart Charging
    [Tags]    ALF-OCPP-001
    ${boot} =    Backend Should Have Received    CP1    BootNotification    times=1
    Should Be Equal    ${boot}[chargePointVendor]    Alfen BV
    Should Be Equal    ${boot}[chargePointModel]    NG910-60023
    Get Configuration Key    CP1    SupportedFeatureProfiles    contains    SmartCharging

ChargePointMaxProfile Limits The Whole Station
    [Tags]    ALF-OCPP-002
    Charging Profile Is Set    CP1    purpose=ChargePointMaxProfile    limits=10 A
    Vehicle Draws    10 A

TxDefaultProfile Is The Default For New Transactions
    [Tags]    ALF-OCPP-003
    [Setup]    Start Site    ${SITE}
    Station Is Registered
    Charging Profile Is Set    CP1    purpose=TxDefaultProfile    limits=10 A
    Plug In Vehicle    CP1    phases=1    max_current=16 A
    Advance Clock    90 s
    Vehicle Draws    10 A
    Unplug Vehicle    CP1
    Plug In Vehicle    CP1    phases=1    max_current=16 A
    Advance Clock    90 s
    Vehicle Draws    10 A

TxProfile Limits The Running Transaction
    [Tags]    ALF-OCPP-004
    Charging Profile Is Set    CP1    purpose=TxProfile    limits=10 A
    Vehicle Draws    10 A
    Unplug Vehicle    CP1
    Plug In Vehicle    CP1    phases=1    max_current=16 A
    Advance Clock    90 s
    Vehicle Draws    16 A

A Profile Limits The Current At Set Points In Time
    [Tags]    ALF-OCPP-005
    Charging Profile Is Set    CP1    limits=0 s: 16 A, 60 s: 8 A, 120 s: 12 A
    Advance Clock    50 s
    Vehicle Draws    16 A    within=0 s
    Advance Clock    10 s
    Vehicle Draws    8 A
    Advance Clock    40 s
    Vehicle Draws    8 A    within=0 s
    Advance Clock    10 s
    Vehicle Draws    12 A

Clearing The Profile Restores The Limit
    [Tags]    ALF-OCPP-006
    Charging Profile Is Set    CP1    limits=8 A
    Vehicle Draws    8 A
    Backend Sends    CP1    ClearChargingProfile    answer=Accepted
    Vehicle Draws    16 A
    Backend Sends    CP1    ClearChargingProfile    answer=Unknown

The Highest Stack Level Is 15
    [Tags]    ALF-OCPP-007
    Get Configuration Key    CP1    ${KEY}    ==    15
    Charging Profile Is Set    CP1    level=14    limits=16 A
    Charging Profile Is Set    CP1    level=15    limits=16 A
    Charging Profile Is Set    CP1    level=16    limits=16 A    answer=Rejected

Profiles Are In Amperes
    [Documentation]    7.1 speaks of power too; the table of 7.2 counts.
    [Tags]    ALF-OCPP-008    ALF-OCPP-013
    Get Configuration Key    CP1    ChargingScheduleAllowedChargingRateUnit    ==    Current
    Charging Profile Is Set    CP1    limits=10 A
    Charging Profile Is Set    CP1    limits=2300 W    answer=Rejected
    Vehicle Draws    10 A

A Schedule Has Up To 100 Periods
    [Tags]    ALF-OCPP-009
    Get Configuration Key    CP1    ChargingScheduleMaxPeriods    ==    100
    ${limits} =    Evaluate    ', '.join(f'{10 * n} s: {16 if n < 99 else 7} A' for n in range(101))
    Charging Profile Is Set    CP1    limits=${limits}    answer=Rejected
    ${limits} =    Evaluate    ', '.join(f'{10 * n} s: {16 if n < 99 else 7} A' for n in range(100))
    Charging Profile Is Set    CP1    limits=${limits}
    Advance Clock    980 s
    Vehicle Draws    16 A    within=0 s
    Advance Clock    10 s
    Vehicle Draws    7 A

The Station Keeps 45 Profiles
    [Documentation]    Three purposes at levels 0 to 15 would be 48 (the guide counts 3 x 15): 45 is a hard limit.
    [Tags]    ALF-OCPP-010    ALF-OCPP-012
    Get Configuration Key    CP1    MaxChargingProfilesInstalled    ==    45
    FOR    ${number}    IN RANGE    45
        ${level} =    Evaluate    ${number} % 16
        Charging Profile Is Set    CP1    purpose=${PURPOSES}[${{$number // 16}}]    level=${level}    limits=16 A
    END
    Charging Profile Is Set    CP1    purpose=TxProfile    level=13    limits=16 A    answer=Rejected

The Stack Version Is That Of The Guide
    [Tags]    ALF-OCPP-011
    Get Configuration Key    CP1    OCPPStackVersion    ==    4.7.0

A Profile Is Executed Block By Block
    [Tags]    ALF-OCPP-014
    Charging Profile Is Set    CP1    limits=0 s: 16 A, 60 s: 10 A, 120 s: 6 A, 180 s: 0 A, 240 s: 16 A
    Advance Clock    10 s
    Vehicle Draws    16 A    within=0 s
    FOR    ${current}    IN    10 A    6 A    0 A    16 A
        Advance Clock    60 s
        Vehicle Draws    ${current}    within=0 s
    END

Less Than Six Amperes Pause The Session
    [Tags]    ALF-OCPP-016
    Charging Profile Is Set    CP1    limits=5 A
    Vehicle Draws    0 A
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    status=SuspendedEVSE    within=10 s
    Backend Should Not Have Received    CP1    StopTransaction
    Get Display Text    CP1    ==    Chargepoint ready, waiting for power
    Charging Profile Is Set    CP1    limits=6 A
    Vehicle Draws    6 A

A Vehicle That Needs 14 A Is Paused Below
    [Tags]    ALF-OCPP-017
    [Setup]    Start With Vehicle    vehicles.bounder={preset: min-14A, phases: 1, max_current_a: 16}    vehicle=bounder
    Charging Profile Is Set    CP1    limits=13 A
    Vehicle Draws    0 A
    Charging Profile Is Set    CP1    limits=14 A
    Vehicle Draws    14 A    within=60 s

SmartCharging-Mode Is None
    [Tags]    ALF-OCPP-022
    Get Configuration Key    CP1    SmartCharging-Mode    ==    None
    Charging Profile Is Set    CP1    limits=10 A
    Vehicle Draws    10 A

Phase Currents And Status Are There For The Verification
    [Tags]    ALF-OCPP-026
    Backend Sends    CP1    ChangeConfiguration    key=MeterValueSampleInterval    value=10    answer=Accepted
    Backend Sends    CP1    ChangeConfiguration    key=MeterValuesSampledData    value=Current.Import,Voltage
    ...    answer=Accepted
    Advance Clock    60 s
    Get Metered Value    CP1    Current.Import    >=    15.5 A    phase=L1
    Get Metered Value    CP1    Current.Import    <=    16.5 A    phase=L1
    Get Metered Value    CP1    Current.Import    ==    0 A    phase=L2
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    status=Charging

Nothing Goes Out Before The Boot Is Accepted
    [Setup]    Start Site    ${SITE}
    Station Is Registered
    Backend Answers    CP1    BootNotification    status=Rejected    interval=20    times=2
    Restart    CP1
    Plug In Vehicle    CP1    phases=1    max_current=16 A
    Advance Clock    30 s
    Backend Should Not Have Received    CP1    StartTransaction
    Backend Should Have Received    CP1    StartTransaction    within=2 minutes    times=1

A Card Starts A Session In The Mode RFID
    [Setup]    Start Site    ${SITE}    devices.CP1.parameters.Authorization mode=RFID
    Station Is Registered
    Plug In Vehicle    CP1    phases=1    max_current=16 A
    Advance Clock    30 s
    Vehicle Draws    0 A    within=0 s
    Hold Card To Reader    CP1    ABC
    Backend Should Have Received    CP1    StartTransaction    idTag=ABC    within=30 s
    Advance Clock    90 s
    Vehicle Draws    16 A    within=0 s


*** Keywords ***
Start With Vehicle
    [Documentation]    A vehicle, single-phase and 16 A, has been probed and charges in a transaction.
    [Arguments]    ${vehicle}=van    &{fields}
    Start Site    ${SITE}    vehicles.van={phases: 1, max_current_a: 16}    &{fields}
    Station Is Registered
    Plug In Vehicle    CP1    vehicle=${vehicle}
    Backend Should Have Received    CP1    StartTransaction    within=60 s
    Advance Clock    90 s
    Vehicle Draws    16 A    within=0 s

Station Is Registered
    [Documentation]    Its BootNotification goes out 5 s after the connection stands; then its connectors' states.
    Backend Should See    CP1    connected    within=30 s
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    within=30 s

Vehicle Draws
    [Documentation]    The site has nothing else, so it is what the main connection carries.
    [Arguments]    ${current}    ${within}=10 s
    IF    '${within}' == '0 s'
        Feeder Current    supply    L1    is    ${current}
    ELSE
        Feeder Current    supply    L1    settles at    ${current}    within=${within}
    END
