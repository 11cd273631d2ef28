*** Settings ***
Documentation       OCPP 1.6 smart charging: Alfen smart charging implementation guide, 2.5, 2.7.1, 5.3.3.4, 6.3.4.2, 7.
...                 The station's meters are looked at through the back office and at the main connection. The guide
...                 prints no tolerance: half an ampere and 10 s, as the catalogue has them.
Resource            hil/keywords/farm.resource
Test Setup          Start With Vehicle
Test Tags           alfen    ocpp    needs:backend-api


*** Variables ***
${SITE}             alfen/back-office
${KEY}              ChargeProfileMaxStackLevel
@{PURPOSES}         ChargePointMaxProfile    TxDefaultProfile    TxProfile


*** Test Cases ***
The Station Speaks OCPP With Smart Charging
    [Documentation]    What connects has agreed on the WebSocket subprotocol ocpp1.6: without it a session is refused.
    [Tags]    ALF-OCPP-001
    [Setup]    Start Site    ${SITE}    devices.CP1.parameters.OCPP version=1.5
    Advance Clock    1 minute
    Backend Should See    CP1    not connected
    Configure    CP1    OCPP version    1.6
    Station Is Registered
    ${boot} =    Backend Should Have Received    CP1    BootNotification    times=1
    Should Be Equal    ${boot}[chargePointVendor]    Alfen BV
    Should Be Equal    ${boot}[chargePointModel]    NG910-60023
    Get Configuration Key    CP1    SupportedFeatureProfiles    contains    SmartCharging

ChargePointMaxProfile Limits The Whole Station
    [Documentation]    7.1: a profile is for a vehicle, or for a whole station. The lower of the two leads.
    [Tags]    ALF-OCPP-002
    Charging Profile Is Set    CP1    purpose=ChargePointMaxProfile    limits=9.7 A
    Vehicle Draws    9.7 A
    Charging Profile Is Set    CP1    purpose=TxProfile    level=3    limits=12.4 A
    Vehicle Keeps Drawing    9.7 A
    Charging Profile Is Set    CP1    purpose=TxProfile    level=3    limits=8.3 A
    Vehicle Draws    8.3 A
    Next Vehicle Draws    9.7 A

TxDefaultProfile Is The Default For New Transactions
    [Documentation]    On connector 0 for every connector, on connector 1 for this one, which goes before (OCPP 1.6).
    [Tags]    ALF-OCPP-003
    Charging Profile Is Set    CP1    purpose=TxDefaultProfile    connector=0    limits=8.3 A
    Next Vehicle Draws    8.3 A
    Charging Profile Is Set    CP1    purpose=TxDefaultProfile    connector=1    limits=11.6 A
    Next Vehicle Draws    11.6 A
    Next Vehicle Draws    11.6 A
    Backend Sends    CP1    ClearChargingProfile    connectorId=1    answer=Accepted
    Next Vehicle Draws    8.3 A

TxProfile Limits The Running Transaction
    [Documentation]    And no other one; it overrules the default, downwards and upwards.
    [Tags]    ALF-OCPP-004
    Charging Profile Is Set    CP1    purpose=TxProfile    limits=10 A
    Vehicle Draws    10 A
    Charging Profile Is Set    CP1    purpose=TxDefaultProfile    level=9    limits=12.4 A
    Vehicle Keeps Drawing    10 A
    Charging Profile Is Set    CP1    purpose=TxProfile    limits=14.7 A
    Vehicle Draws    14.7 A
    Charging Profile Is Set    CP1    purpose=TxProfile    transaction=4711    limits=7 A    answer=Rejected
    Vehicle Keeps Drawing    14.7 A
    Next Vehicle Draws    12.4 A

A Profile Limits The Current At Set Points In Time
    [Documentation]    7.1: the current of one vehicle, or the total of a station.
    [Tags]    ALF-OCPP-005
    [Template]    Current Follows A Profile
    # kind of profile            limits                              after 50 s    70 s      110 s     130 s
    TxProfile                0 s: 16 A, 60 s: 8.4 A, 120 s: 12.7 A    16 A    8.4 A    8.4 A    12.7 A
    ChargePointMaxProfile    0 s: 7.3 A, 60 s: 10.6 A, 120 s: 9 A     7.3 A    10.6 A    10.6 A    9 A

Clearing The Profile Restores The Limit
    [Tags]    ALF-OCPP-006
    Charging Profile Is Set    CP1    limits=12.6 A
    Charging Profile Is Set    CP1    level=1    limits=8 A
    Vehicle Draws    8 A
    Backend Sends    CP1    ClearChargingProfile    stackLevel=1    answer=Accepted
    Vehicle Draws    12.6 A
    Backend Sends    CP1    ClearChargingProfile    answer=Accepted
    Vehicle Draws    16 A
    Backend Sends    CP1    ClearChargingProfile    answer=Unknown

The Highest Stack Level Is 15
    [Documentation]    The highest level leads (OCPP 1.6), also with a higher current.
    [Tags]    ALF-OCPP-007
    Get Configuration Key    CP1    ${KEY}    ==    15
    Charging Profile Is Set    CP1    level=15    limits=12.4 A
    Charging Profile Is Set    CP1    level=14    limits=9.3 A
    Charging Profile Is Set    CP1    level=0    limits=7 A
    Charging Profile Is Set    CP1    level=16    limits=6 A    answer=Rejected
    Vehicle Draws    12.4 A
    Backend Sends    CP1    ClearChargingProfile    stackLevel=15    answer=Accepted
    Vehicle Draws    9.3 A

Profiles Are In Amperes
    [Documentation]    7.1 speaks of power too; the table of 7.2 counts. 1840 W would be 8 A.
    [Tags]    ALF-OCPP-008    ALF-OCPP-013
    Get Configuration Key    CP1    ChargingScheduleAllowedChargingRateUnit    ==    Current
    Charging Profile Is Set    CP1    limits=10.4 A
    Vehicle Draws    10.4 A
    Charging Profile Is Set    CP1    limits=1840 W    answer=Rejected
    Charging Profile Is Set    CP1    limits=2300 W    answer=Rejected
    Vehicle Keeps Drawing    10.4 A

A Schedule Has Up To 100 Periods
    [Documentation]    Each differs from the one before; the last is 11.3 A.
    [Tags]    ALF-OCPP-009
    Get Configuration Key    CP1    ChargingScheduleMaxPeriods    ==    100
    Charging Profile Is Set    CP1    limits=${{', '.join(f'{10 * n} s: 7 A' for n in range(101))}}    answer=Rejected
    ${currents} =    Evaluate    [8.4, 14.6] * 49 + [8.4, 11.3]
    ${limits} =    Evaluate    ', '.join(f'{10 * n} s: {current} A' for n, current in enumerate($currents))
    Charging Profile Is Set    CP1    limits=${limits}
    Advance Clock    8 s
    Vehicle Draws In Turn    8.4 A    14.6 A    8.4 A
    Advance Clock    940 s
    Vehicle Draws In Turn    14.6 A    8.4 A    11.3 A

The Station Keeps 45 Profiles
    [Documentation]    Three purposes at levels 0 to 15 would be 48 (the guide counts 3 x 15): 45 is a hard limit. The
    ...    46th is refused for their number: in the place of another one it is taken.
    [Tags]    ALF-OCPP-010    ALF-OCPP-012
    Get Configuration Key    CP1    MaxChargingProfilesInstalled    ==    45
    FOR    ${number}    IN RANGE    45
        ${level} =    Evaluate    ${number} % 16
        Charging Profile Is Set    CP1    purpose=${PURPOSES}[${{$number // 16}}]    level=${level}    limits=16 A
    END
    Charging Profile Is Set    CP1    purpose=TxProfile    level=13    limits=9.3 A    answer=Rejected
    Vehicle Keeps Drawing    16 A
    Backend Sends    CP1    ClearChargingProfile    id=1    answer=Accepted
    Charging Profile Is Set    CP1    purpose=TxProfile    level=13    limits=9.3 A
    Vehicle Draws    9.3 A

The Stack Version Is That Of The Guide Or Later
    [Documentation]    7.2 prints 4.7.0, the version of the document's release: a later one is no failure.
    [Tags]    ALF-OCPP-011
    Get Configuration Key    CP1    OCPPStackVersion    validate    tuple(map(int, value.split('.'))) >= (4, 7, 0)

A Profile Is Executed Block By Block
    [Tags]    ALF-OCPP-014
    Charging Profile Is Set    CP1    limits=0 s: 16 A, 60 s: 10 A, 120 s: 6 A, 180 s: 0 A, 240 s: 16 A
    Composite Schedule    CP1    ==    0 s: 16 A, 60 s: 10 A, 120 s: 6 A, 180 s: 0 A, 240 s: 16 A    duration=5 minutes
    Advance Clock    10 s
    Vehicle Draws    16 A    within=0 s
    FOR    ${current}    IN    10 A    6 A    0 A    16 A
        Advance Clock    60 s
        Vehicle Draws    ${current}    within=0 s
    END

Less Than Six Amperes Pause The Session
    [Documentation]    2.7: at least 6 A are needed to charge.
    [Tags]    ALF-OCPP-016
    Charging Profile Is Set    CP1    limits=5 A
    Vehicle Draws    0 A
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    status=SuspendedEVSE    within=10 s
    Backend Should Not Have Received    CP1    StopTransaction
    Get Display Text    CP1    ==    Chargepoint ready, waiting for power
    Charging Profile Is Set    CP1    limits=6 A
    Vehicle Draws    6 A
    Charging Profile Is Set    CP1    limits=5.9 A
    Vehicle Draws    0 A

A Vehicle That Needs 14 A Is Paused Below
    [Documentation]    2.5: where less than 14 A are available this vehicle is not able to charge; 'at least 14 A' for a
    ...    vehicle that was detected as one of these does not go above a profile.
    [Tags]    ALF-OCPP-017
    [Setup]    Start With Vehicle    vehicles.bounder={preset: min-14A, phases: 1, max_current_a: 16}    vehicle=bounder
    Charging Profile Is Set    CP1    limits=13 A
    Vehicle Draws    0 A
    Vehicle Keeps Drawing    0 A
    Backend Should Not Have Received    CP1    StopTransaction
    Charging Profile Is Set    CP1    limits=14 A
    Vehicle Draws    14 A    within=60 s

SmartCharging-Mode Is None
    [Documentation]    2.1.1: *OCPP1.5+* is for stations that are connected by OCPP 1.5.
    [Tags]    ALF-OCPP-022
    Get Configuration Key    CP1    SmartCharging-Mode    ==    None
    Charging Profile Is Set    CP1    limits=10 A
    Vehicle Draws    10 A
    FOR    ${mode}    IN    OCPP1.5+    None
        Backend Sends    CP1    ChangeConfiguration    key=SmartCharging-Mode    value=${mode}    answer=Accepted
        Restart    CP1
        Advance Clock    30 s
        Get Configuration Key    CP1    SmartCharging-Mode    ==    ${mode}
    END

Phase Currents And Status Are There For The Verification
    [Documentation]    6.3.4.2. The vehicle has two phases, so that L3 stays without current.
    [Tags]    ALF-OCPP-026
    [Setup]    Start With Vehicle    vehicles.van={phases: 2, max_current_a: 16}
    Currents Are Sent Often
    Back Office Should Have Phase Currents    16/16/0
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    status=Charging
    Charging Profile Is Set    CP1    limits=9.7 A
    Back Office Should Have Phase Currents    9.7/9.7/0
    Charging Profile Is Set    CP1    limits=0 A
    Back Office Should Have Phase Currents    0/0/0
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    status=SuspendedEVSE

The Current Of A Vehicle With One Phase Is That Of L1
    [Tags]    ALF-OCPP-026
    Currents Are Sent Often
    Back Office Should Have Phase Currents    16/0/0

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

Next Vehicle Draws
    [Documentation]    The vehicle leaves, one like it comes: another transaction.
    [Arguments]    ${current}
    Unplug Vehicle    CP1
    Advance Clock    30 s
    Plug In Vehicle    CP1    phases=1    max_current=16 A
    Advance Clock    90 s
    Vehicle Draws    ${current}    within=0 s

Current Follows A Profile
    [Documentation]    The changes may come up to 10 s early or late. The profile is cleared in the end.
    [Arguments]    ${purpose}    ${limits}    @{currents}
    Charging Profile Is Set    CP1    purpose=${purpose}    limits=${limits}
    FOR    ${wait}    ${current}    IN ZIP    ${{['50 s', '20 s', '40 s', '20 s']}}    ${currents}
        Advance Clock    ${wait}
        Vehicle Draws    ${current}    within=0 s
    END
    [Teardown]    Backend Sends    CP1    ClearChargingProfile

Currents Are Sent Often
    [Documentation]    Each 10 s: the guide prints neither measurands nor interval.
    Backend Sends    CP1    ChangeConfiguration    key=MeterValueSampleInterval    value=10    answer=Accepted
    Backend Sends    CP1    ChangeConfiguration    key=MeterValuesSampledData    value=Current.Import,Voltage
    ...    answer=Accepted

Back Office Should Have Phase Currents
    [Documentation]    The last that it has received after a minute, L1/L2/L3 [A].
    [Arguments]    ${currents}
    Advance Clock    1 minute
    FOR    ${phase}    ${current}    IN ZIP    ${{['L1', 'L2', 'L3']}}    ${{$currents.split('/')}}
        Get Metered Value    CP1    Current.Import    validate    abs(value - ${current}) <= 0.5    phase=${phase}
    END

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

Vehicle Keeps Drawing
    [Documentation]    What it draws already, for 20 s more.
    [Arguments]    ${current}
    Feeder Current    supply    L1    stays at    ${current}    within=20 s

Vehicle Draws In Turn
    [Documentation]    One of these currents in each 10 s.
    [Arguments]    @{currents}
    FOR    ${current}    IN    @{currents}
        Vehicle Draws    ${current}    within=0 s
        Advance Clock    10 s
    END
