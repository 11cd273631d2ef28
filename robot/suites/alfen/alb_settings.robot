*** Settings ***
Documentation       Configuration of Active Load Balancing: Alfen smart charging implementation guide, 5.3.2 to 5.3.4.
Resource            alb.resource
Test Tags           alfen    alb    config


*** Variables ***
${LICENCE}      License Key features
${SWITCH}       Active Load Balancing
${CP1}          devices.CP1.parameters
${WITHOUT}      Exclude charging EV
&{BEHIND}       meters.P1.node=H1    meters.P1.measures=excluding
&{SECOND}       meters.M1={type: countis_e27, address: 192.168.0.5, node: supply, measures: including}


*** Test Cases ***
Meter And Station Answer In One Network
    [Tags]    ALF-ALB-021
    [Setup]    Start Site    alfen/alb-modbus-meter
    Get Register    CP1    manufacturer    ==    Alfen NV
    Get Register    M1    VENDOR    contains    SOCOMEC

Without Its Licence It Is Not Offered And Does Nothing
    [Tags]    ALF-ALB-022
    [Setup]    Start Site    alfen/alb-p1    ${CP1}.${LICENCE}=None    ${CP1}.${SWITCH}=On    ${CP1}.${MAXIMUM}=10
    Parameter Should Not Be Available    CP1    ${SWITCH}    ${SOURCE}    ${SAFE}
    Parameter Should Refuse    CP1    ${SWITCH}    On
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Set Load    house    6.4 A
    Feeder Current    Q1    settles at    16 A    within=90 s

The Licence Reboots The Station And Unlocks It
    [Tags]    ALF-ALB-022
    [Setup]    Start Site    alfen/alb-p1    ${CP1}.${LICENCE}=None    ${CP1}.${SWITCH}=Off
    Set Parameter    CP1    ${LICENCE}    Active Load Balancing
    Save    CP1
    Advance Clock    1 s
    Get Device Log    CP1    matches    (?s)Booted.*Booted
    Parameter Should Be Available    CP1    ${SWITCH}    menu=Smart Charging

Its Parameters Appear When It Is Enabled
    [Tags]    ALF-ALB-023
    [Setup]    Start Site    alfen/alb-p1    ${CP1}.${SWITCH}=Off
    Parameter Should Not Be Available    CP1    ${SOURCE}    ${RECEIVED}    ${PROTOCOL}    ${MAXIMUM}    ${SAFE}
    ...    ${ROTATION}
    Set Parameter    CP1    ${SWITCH}    On
    Parameter Should Be Available    CP1    ${SOURCE}    ${RECEIVED}    ${PROTOCOL}    ${MAXIMUM}    ${SAFE}
    ...    ${ROTATION}    menu=Smart Charging > Active Load Balancing

Protocol Selection Chooses The Meter
    [Documentation]    Both meters are there, and one is heard: the one that was lost is not missed.
    [Tags]    ALF-ALB-029
    [Setup]    Start Site    alfen/alb-p1    &{SECOND}
    Set Load    house    6 A
    Readings Come From    P1    M1
    Configure    CP1    ${PROTOCOL}    Modbus TCP/IP
    Get Parameter    CP1    ${PROTOCOL}    ==    Modbus TCP/IP
    Readings Come From    M1    P1
    Requests At    M1    duration=10 s
    Clients Of    M1    CP1
    Configure    CP1    ${PROTOCOL}    DSMR4.x/SMR5.0 (P1)
    Readings Come From    P1    M1

The Settings On The Guide's Screen Are Kept
    [Documentation]    And act: 64 A less what the Modbus meter tells of L1 beside the vehicle, which has one phase.
    [Tags]    ALF-ALB-031
    [Setup]    Start Site    alfen/alb-p1    &{SECOND}    supply.main_fuse.rating_a=80
    ...    ${CP1}.${ROTATION}=L2L3L1    ${CP1}.${RECEIVED}=Exclude charging EV    ${CP1}.${SAFE}=6
    Values Are Kept
    ...    ${PROTOCOL}    Modbus TCP/IP
    ...    ${MAXIMUM}     64.0
    ...    ${SAFE}        7.0
    ...    ${ROTATION}    L1L2L3
    ...    ${RECEIVED}    Include charging EV
    Get Register    CP1    active_load_balancing_safe_current    ==    7 A
    Plug In Vehicle    CP1    phases=1
    Plant Fault    P1    silent
    Set Load    house    40.7/20.4/50.2 A
    Charging Current    CP1    settles at    23.3/0/0 A    within=90 s
    Plant Fault    M1    closed_port
    Charging Current    CP1    settles at    7/0/0 A    within=90 s

The Maximum Is Lowered For A Test And Restored
    [Tags]    ALF-ALB-041
    [Setup]    Start Site    alfen/alb-p1
    Plug In Vehicle    CP1    phases=3
    Set Parameter    CP1    ${MAXIMUM}    16
    Save    CP1
    Advance Clock    80 s
    Charging Current    CP1    is    25 A
    Restart Device    CP1
    Charging Current    CP1    settles at    16 A    within=90 s
    Configure    CP1    ${MAXIMUM}    25
    Get Parameter    CP1    ${MAXIMUM}    ==    25.0
    Charging Current    CP1    settles at    25 A    within=90 s

A Setting That Contradicts The Meter's Place Is Reported
    [Tags]    ALF-ALB-028
    [Template]    Site Check Should Say
    # site                    what is said                                       what is wrong
    alfen/alb-p1              P1 at 'supply' measures the charging points too    ${CP1}.${RECEIVED}=${WITHOUT}
    alfen/alb-modbus-meter    M1 at 'supply' measures the charging points too    ${CP1}.${RECEIVED}=${WITHOUT}
    alfen/alb-p1              P1 at 'H1' measures other consumers only           &{BEHIND}
    alfen/alb-modbus-meter    no meter of the site has the address               ${CP1}.IP address=192.168.0.9
    alfen/alb-p1              'L2L3L1', but CP1 is wired as L1L2L3               ${CP1}.${ROTATION}=L2L3L1
    alfen/alb-p1              not possible with NG910-60003                      devices.CP1.variant=NG910-60003

A Setting That Does Not Matter Is Not Reported
    [Tags]    ALF-ALB-035
    [Template]    Site Check Should Accept
    alfen/alb-p1    ${CP1}.${RECEIVED}=${WITHOUT}    ${CP1}.${SOURCE}=${EMS}
    alfen/alb-p1    ${CP1}.${RECEIVED}=${WITHOUT}    ${CP1}.${SWITCH}=Off
    alfen/alb-p1    ${CP1}.${RECEIVED}=${WITHOUT}    meters.P1.node=H1    meters.P1.measures=excluding
    alfen/alb-p1    devices.CP1.variant=NG910-60003    devices.CP1.phase_order=L2


*** Keywords ***
Readings Come From
    [Documentation]    The station notices when this meter repeats old values, and not the other.
    [Arguments]    ${meter}    ${other}
    Plant Fault    ${other}    frozen
    Set Load    house    9 A
    Page Should Show    CP1    ${READINGS}    9/9/9 A    within=15 s
    Plant Fault    ${other}    none
    Plant Fault    ${meter}    frozen
    Set Load    house    6 A
    Advance Clock    15 s
    Page Should Show    CP1    ${READINGS}    9/9/9 A
    Plant Fault    ${meter}    none
    Page Should Show    CP1    ${READINGS}    6/6/6 A    within=15 s

Values Are Kept
    [Documentation]    Pairs of parameter and value: set, save, reboot, read back; each was another one before.
    [Arguments]    @{pairs}
    FOR    ${parameter}    ${value}    IN    @{pairs}
        Get Parameter    CP1    ${parameter}    !=    ${value}
        Set Parameter    CP1    ${parameter}    ${value}
    END
    Save    CP1
    Restart Device    CP1
    FOR    ${parameter}    ${value}    IN    @{pairs}
        Get Parameter    CP1    ${parameter}    ==    ${value}
    END
