*** Settings ***
Documentation       Active Load Balancing with an energy management system (EMS) over Modbus TCP: Alfen smart charging
...                 implementation guide, 5.1.3, 5.1.4.2, 5.1.4.4, 5.3.3.3, 5.3.4.2. The tester is the EMS.
Resource            alb.resource
Test Setup          Start With EMS
Test Tags           alfen    alb    ems


*** Variables ***
${CP1}          devices.CP1.parameters
${SETPOINT}     modbus_slave_max_current
${LEFT}         modbus_slave_max_current_valid_time
${STATE}        Modbus TCP/IP Connection State
${IDLE}         Not in use (communication idle)
@{OTHERS}       station_active_max_current    scn_max_current_phase_l1    scn_max_current_phase_l2
...             scn_max_current_phase_l3    scn_actual_max_current_phase_l1    scn_safe_current
...             scn_modbus_slave_max_current_enable    availability    actual_applied_max_current
...             modbus_slave_max_current_valid_time    active_load_balancing_safe_current
...             modbus_slave_received_setpoint_accounted_for    charge_using_1_or_3_phases


*** Test Cases ***
An EMS Sets The Current
    [Tags]    ALF-ALB-005
    EMS Sets    15.3 A
    Vehicle Gets    15.3 A

The Station Stays Within What The EMS Sends
    [Tags]    ALF-ALB-015
    [Template]    EMS Is Followed
    20 A
    10.4 A
    6 A

A Repeated Setpoint Is Valid Anew
    [Documentation]    The validity time is counted from the last setpoint, also when it is the same (5.3.3.3).
    [Tags]    ALF-ALB-015    ALF-ALB-032    ALF-ALB-043
    [Setup]    Start With EMS    validity=60
    FOR    ${_}    IN RANGE    4
        EMS Sets    16.4 A
        Get Register    CP1    ${LEFT}    ==    60 s
        Advance Clock    40 s
        Vehicle Gets    16.4 A
        Get Register    CP1    ${LEFT}    ==    10 s
        Page Should Not Show    CP1    ${STATE}    ${IDLE}
    END
    Get Device Log    CP1    not contains    ActiveLB safeMode
    Advance Clock    20 s
    Page Should Show    CP1    ${STATE}    ${IDLE}
    Charging Current    CP1    is    7 A

The Station Follows The EMS Up And Down
    [Tags]    ALF-ALB-025
    [Template]    EMS Is Followed
    16 A
    8.3 A
    16.7 A

Less Than Six Amperes Pause The Vehicle
    [Tags]    ALF-ALB-025
    EMS Sets    5.4 A
    Vehicle Gets    0 A
    EMS Sets    6 A
    Vehicle Gets    6 A

Meter EMS And PV Together
    [Documentation]    The EMS knows house, PV and its limit at the main connection: 20 - 5.2 + 12.6 = 27.4 A on L1.
    [Tags]    ALF-ALB-017
    Set Load    house    5.2/4.1/3.6 A
    Set PV    roof    12.6 A
    EMS Sets    27.4 A
    Vehicle Gets    27.4 A
    Meter Current    M1    is    20/18.9/18.4 A    tolerance=1 A

An EMS Sends A Maximum And No Minimum
    [Documentation]    5.3.3.1 step 5b speaks of minimum and maximum values, all other places of a maximum only. Of the
    ...    registers of the station's and the socket's limits one takes a value, and that is no minimum: the vehicle may
    ...    take less, and a maximum below 6 A is not raised.
    [Tags]    ALF-ALB-019
    No Other Register Takes A Value
    EMS Sets    16.4 A
    Vehicle Takes    CP1    8.2 A
    Advance Clock    10 s
    Signalled Current    CP1    is    16.4 A    tolerance=0.5 A
    Charging Current    CP1    is    8.2 A
    EMS Sets    5.4 A
    Vehicle Gets    0 A

With An EMS Received Measurements Protocol And Maximum Do Not Apply
    [Tags]    ALF-ALB-035
    EMS Sets    16 A
    Vehicle Gets    16 A
    Parameter Should Not Be Available    CP1    ${RECEIVED}    ${PROTOCOL}    ${MAXIMUM}
    Steps 6 To 8 Are Changed
    EMS Sets    16 A
    Advance Clock    80 s
    Vehicle Gets    16 A

The Connection State Says Whether The EMS Speaks
    [Tags]    ALF-ALB-043
    [Setup]    Start With EMS    validity=60
    EMS Sets    16 A
    Page Should Not Show    CP1    ${STATE}    ${IDLE}
    Advance Clock    65 s
    Page Should Show    CP1    ${STATE}    ${IDLE}
    EMS Sets    16 A
    Page Should Not Show    CP1    ${STATE}    ${IDLE}

What The EMS Changes Is Seen In The Drawn Currents
    [Tags]    ALF-ALB-044
    EMS Sets    16.2 A
    Vehicle Gets    16.2 A
    EMS Sets    8.4 A
    Advance Clock    10 s
    Charging Current    CP1    is    8.4 A
    Get Page Field    CP1    Socket currents    ==    8.4/8.4/8.4 A

A Vehicle That Needs 14 A Gets 14 A Or Stops By Itself
    [Documentation]    As with a meter: the station does not find out yet that it needs 14 A (2.5).
    [Setup]    Start With EMS    vehicles.bounder={preset: min-14A, phases: 1}    vehicle=bounder
    EMS Sets    14 A
    Vehicle Gets    14/0/0 A
    EMS Sets    13 A
    Advance Clock    10 s
    Charging Current    CP1    is    0 A

Without An EMS The Safe Current Holds
    [Documentation]    After the validity time, and until the EMS speaks again.
    [Tags]    ALF-ALB-032
    [Setup]    Start With EMS    validity=60
    EMS Sets    16 A
    Get Register    CP1    ${LEFT}    ==    60 s
    Advance Clock    55 s
    Charging Current    CP1    is    16 A
    Advance Clock    15 s
    Charging Current    CP1    is    7 A
    Get Register    CP1    ${LEFT}    ==    0 s
    Device Log Should Contain    CP1    Enter ActiveLB safeMode: 7.0A
    EMS Sets    16 A
    Vehicle Gets    16 A

A Test Plug With A Plain Load Does Not Follow
    [Documentation]    So it cannot show that smart charging works. The LED tells that more is drawn than is offered.
    [Tags]    ALF-ALB-042
    [Setup]    Start With EMS    vehicles.plug={max_current_a: 16, ignores_duty_for_s: 120}    vehicle=plug
    Advance Clock    5 minutes
    EMS Sets    8 A
    Charging Current    CP1    stays at    16 A    within=1 minute
    Signalled Current    CP1    is    8 A
    Get LED    CP1    status    ==    dark blue flashing


*** Keywords ***
Start With EMS
    [Documentation]    The station's source is the EMS; a vehicle, three-phase and 32 A, has been probed.
    [Arguments]    ${validity}=600    ${vehicle}=generic-3p-32A    &{fields}
    Start Site    alfen/alb-modbus-meter    ${CP1}.${SOURCE}=${EMS}    ${CP1}.Validity time (s)=${validity}    &{fields}
    Plug In Vehicle    CP1    vehicle=${vehicle}
    EMS Sets    32 A
    Advance Clock    50 s
    EMS Sets    32 A
    Advance Clock    30 s

EMS Sets
    [Documentation]    Register 1210.
    [Arguments]    ${current}
    Write Register    CP1    ${SETPOINT}    ${{$current.removesuffix(' A')}}

Vehicle Gets
    [Documentation]    Within 10 s of a new setpoint.
    [Arguments]    ${drawn}
    Advance Clock    10 s
    Signalled Current    CP1    is    ${{$drawn.split('/')[0].split()[0] + ' A'}}    tolerance=0.5 A
    Charging Current    CP1    is    ${drawn}

Steps 6 To 8 Are Changed
    [Documentation]    Of 5.3.3.1; they can only be edited with a meter as the source.
    Set Parameter    CP1    ${SOURCE}    Meter
    Set Parameter    CP1    ${RECEIVED}    Exclude charging EV
    Set Parameter    CP1    ${PROTOCOL}    DSMR4.x/SMR5.0 (P1)
    Set Parameter    CP1    ${MAXIMUM}    10
    Configure    CP1    ${SOURCE}    ${EMS}

EMS Is Followed
    [Documentation]    Five seconds for the vehicle, then never more.
    [Arguments]    ${current}
    EMS Sets    ${current}
    Advance Clock    5 s
    Charging Current    CP1    stays at    ${current}    within=30 s
    Signalled Current    CP1    is    ${current}    tolerance=0.5 A

No Other Register Takes A Value
    [Documentation]    Than the setpoint's.
    FOR    ${register}    IN    @{OTHERS}
        ${before} =    Get Register    CP1    ${register}
        Run Keyword And Expect Error    DeviceRefused: CP1: *exception ?    Write Register    CP1    ${register}    6
        Get Register    CP1    ${register}    ==    ${before}
    END
    Get Register    CP1    ${SETPOINT}    ==    32 A
