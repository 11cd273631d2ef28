*** Settings ***
Documentation       The safe current when meter or energy management system are lost, and the way back: Alfen smart
...                 charging implementation guide, 5.3.3.1 step 9, 5.3.4.1, 10.8.
...
...                 What else can be wrong on a P1 line is in p1_faults.robot.
Resource            alb.resource
Test Tags           alfen    alb    fault


*** Test Cases ***
A Cut P1 Cable Leaves The Safe Current
    [Tags]    ALF-ALB-032
    [Setup]    Start Charging At    alfen/alb-p1
    Cut Link    P1    CP1
    Safe Current Should Come    error=209
    Restore Link    P1    CP1
    Safe Current Should Go

A Cut Modbus Cable Leaves The Safe Current
    [Tags]    ALF-ALB-032
    [Setup]    Start Charging At    alfen/alb-modbus-meter
    Cut Link    M1
    Safe Current Should Come    error=210
    Device Log Should Contain    CP1    Modbus TCP/IP lost, in safe mode max 7.0A
    Restore Link    M1
    Safe Current Should Go

A Modbus Meter That Fails Leaves The Safe Current
    [Tags]    ALF-ALB-032
    [Setup]    Start Charging At    alfen/alb-modbus-meter
    [Template]    Fault Leaves The Safe Current
    M1    timeouts       210
    M1    exceptions     210
    M1    closed_port    210

A Changed Safe Current Acts After A Reboot
    [Tags]    ALF-ALB-034
    [Setup]    Start Charging At    alfen/alb-p1
    Set Parameter    CP1    ${SAFE}    8
    Save    CP1
    Get Register    CP1    active_load_balancing_safe_current    ==    7 A
    Restart Device    CP1
    Get Parameter    CP1    ${SAFE}    ==    8.0
    Get Register    CP1    active_load_balancing_safe_current    ==    8 A
    Advance Clock    80 s
    Cut Link    P1    CP1
    Device Log Should Contain    CP1    Enter ActiveLB safeMode: 8.0A    within=90 s
    Charging Current    CP1    settles at    8 A    within=20 s

A Lost P1 Meter Shows 0 A Although Current Flows
    [Tags]    ALF-ALB-038
    [Setup]    Start Site    alfen/alb-p1
    Lost Meter Shows 0 A    P1    silent    shown=6/4/3 A

A Lost Modbus Meter Shows 0 A Although Current Flows
    [Tags]    ALF-ALB-038
    [Setup]    Start Site    alfen/alb-modbus-meter
    Lost Meter Shows 0 A    M1    closed_port    shown=6.3/4.1/2.8 A


*** Keywords ***
Start Charging At
    [Documentation]    A three-phase vehicle that has charged with 25 A for a while.
    [Arguments]    ${site}
    Start Site    ${site}
    Plug In Vehicle    CP1    phases=3
    Advance Clock    80 s
    Charging Current    CP1    is    25 A

Safe Current Should Come
    [Documentation]    Within 90 s; said in the log and with an error number on the display.
    [Arguments]    ${error}
    Signalled Current    CP1    settles at    7 A    within=90 s
    Charging Current    CP1    is    7 A
    Device Log Should Contain    CP1    Enter ActiveLB safeMode: 7.0A
    Get Display Text    CP1    starts    ${error}:
    Set Load    house    15.4/9.7/12.6 A
    Signalled Current    CP1    stays at    7 A    within=1 minute
    Set Load    house    0 A

Safe Current Should Go
    [Documentation]    Within 60 s the meter decides again.
    Charging Current    CP1    settles at    25 A    within=60 s
    Get Device Log    CP1    matches    (?s)Leave ActiveLB safeMode$
    Set Load    house    6.2/10.7/3.9 A
    Charging Current    CP1    settles at    14.3 A    within=25 s
    Set Load    house    0 A
    Charging Current    CP1    settles at    25 A    within=25 s

Fault Leaves The Safe Current
    [Documentation]    It comes, and goes with the fault.
    [Arguments]    ${meter}    ${kind}    ${error}
    Plant Fault    ${meter}    ${kind}
    Safe Current Should Come    ${error}
    Plant Fault    ${meter}    none
    Safe Current Should Go

Lost Meter Shows 0 A
    [Documentation]    While the house draws current, and not before its meter is lost.
    [Arguments]    ${meter}    ${kind}    ${shown}
    Set Load    house    6.3/4.1/2.8 A
    Advance Clock    12 s
    Get Page Field    CP1    ${READINGS}    ==    ${shown}
    Plant Fault    ${meter}    ${kind}
    Get Page Field    CP1    ${READINGS}    ==    ${shown}
    Advance Clock    90 s
    Get Page Field    CP1    ${READINGS}    ==    0/0/0 A
    Feeder Current    supply    is    6.3/4.1/2.8 A
