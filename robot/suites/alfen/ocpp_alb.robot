*** Settings ***
Documentation       Active Load Balancing and charging profiles together: Alfen smart charging implementation guide,
...                 9.1, 9.2.5.
Resource            hil/keywords/farm.resource
Test Setup          Start With Vehicle
Test Tags           alfen    ocpp    alb    needs:backend-api


*** Variables ***
${CP1}              devices.CP1.parameters


*** Test Cases ***
The Lowest Of Profile And Load Balancing Leads
    [Documentation]    25 A less 9.3 A of the house leave 15.7 A on L2; more is left on the other phases.
    [Tags]    ALF-OCPP-019
    Set Load    house    6.2/9.3/1.4 A
    Charging Profile Is Set    CP1    limits=10.4 A
    Charging Current    CP1    settles at    10.4 A    within=20 s
    Page Should Show    CP1    Limited by    OCPP smart charging profile
    Charging Profile Is Set    CP1    limits=20 A
    Charging Current    CP1    settles at    15.7 A    within=40 s
    Page Should Show    CP1    Limited by    meter

What Leads Changes With The Load
    [Tags]    ALF-OCPP-019
    Charging Profile Is Set    CP1    limits=20 A
    Set Load    house    6.2/16.6/1.4 A
    Charging Current    CP1    settles at    8.4 A    within=40 s
    Set Load    house    2.3/1.1/0 A
    Charging Current    CP1    settles at    20 A    within=40 s
    Page Should Show    CP1    Limited by    OCPP smart charging profile

The Lowest Of Profile And Energy Management System Leads
    [Setup]    Start With Vehicle    ${CP1}.Data Source=Energy Management System    ${CP1}.TCP/IP EMS Mode=Socket
    ...    ${CP1}.Validity time (s)=600
    Write Register    CP1    modbus_slave_max_current    12
    Charging Current    CP1    settles at    12 A    within=20 s
    Charging Profile Is Set    CP1    limits=8 A
    Charging Current    CP1    settles at    8 A    within=20 s
    Write Register    CP1    modbus_slave_max_current    7
    Charging Current    CP1    settles at    7 A    within=20 s
    Backend Sends    CP1    ClearChargingProfile    answer=Accepted
    Charging Current    CP1    is    7 A

The Safe Current Stays Below A Profile
    Charging Profile Is Set    CP1    limits=20 A
    Cut Link    M1
    Charging Current    CP1    settles at    7 A    within=2 minutes
    Backend Should See    CP1    connected


*** Keywords ***
Start With Vehicle
    [Documentation]    A vehicle, three-phase and 32 A, has been probed.
    [Arguments]    &{fields}
    Start Site    alfen/back-office-alb    &{fields}
    Backend Should See    CP1    connected    within=30 s
    Set Load    house    9 A
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Backend Should Have Received    CP1    StartTransaction    within=60 s
    Advance Clock    90 s
