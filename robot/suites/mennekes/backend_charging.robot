*** Settings ***
Documentation       Charging with a backend: cards, remote starts, charging profiles, and what happens when it is lost.
Resource            backend.resource
Test Setup          Start Site    mennekes/backend-lan
Test Tags           mennekes    backend    needs:backend-api


*** Variables ***
${CP1}              devices.CP1.parameters
${STATUS}           OCPP_CP_STATUS
${HEMS}             HEMS_CURRENT_LIMIT


*** Test Cases ***
Register 104 Follows The Begin Of A Transaction
    Every Point Is Connected    CP1
    Status Is    0
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Status Is    5
    Charging Current    CP1    stays at    0 A    within=30 s
    Get LED    CP1    LED info field    contains    Waiting
    Hold Card To Reader    CP1    ABC
    Charging Current    CP1    settles at    16 A    within=20 s
    Status Is    6

Register 104 Follows The End Of A Transaction
    Vehicle Charges With Card    CP1
    Charging Profile Is Set    CP1    limits=0 A
    Charging Current    CP1    settles at    0 A    within=20 s
    Status Is    7
    Hold Card To Reader    CP1    ABC
    Status Is    9
    Unplug Vehicle    CP1
    Status Is    0
    Backend Should Have Received    CP1    StopTransaction    times=1    within=30 s

A Card That The Backend Does Not Accept Gets Nothing
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Every Point Is Connected    CP1
    Hold Card To Reader    CP1    STRANGER
    Backend Should Have Received    CP1    Authorize    idTag=STRANGER    within=30 s
    Advance Clock    60 s
    Charging Current    CP1    is    0 A
    Backend Should Not Have Received    CP1    StartTransaction

The Backend Starts And Stops A Transaction
    Every Point Is Connected    CP1
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Backend Sends    CP1    RemoteStartTransaction    idTag=ABC    connectorId=1    answer=Accepted
    Charging Current    CP1    settles at    16 A    within=20 s
    @{transactions} =    Get Backend Transactions    CP1
    Backend Sends    CP1    RemoteStopTransaction    transactionId=${transactions}[0][id]    answer=Accepted
    Charging Current    CP1    settles at    0 A    within=20 s
    Backend Should Have Received    CP1    StopTransaction    reason=Remote    within=30 s

Free Charging Needs No Card
    [Setup]    Start Site    mennekes/backend-lan    ${CP1}.Free Charging=On
    Every Point Is Connected    CP1
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Charging Current    CP1    settles at    16 A    within=20 s
    Backend Should Have Received    CP1    StartTransaction    idTag=freecharging    within=30 s
    Backend Should Not Have Received    CP1    Authorize

The Lowest Of Profile Energy Manager And Installation Leads
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1    current=32 A
    Charging Profile Is Set    CP1    limits=20 A
    Signalled Current    CP1    settles at    20 A    within=20 s
    Write Register    CP1    ${HEMS}    13
    Signalled Current    CP1    is    13 A
    Backend Sends    CP1    ClearChargingProfile    answer=Accepted
    Signalled Current    CP1    is    13 A
    Page Should Show    CP1    Limited by    energy manager

Meter Values Are Of The Grid's Phases
    [Setup]    Start Site    mennekes/backend-lan    devices.CP1.phase_order=L2L3L1
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1    current=16 A    phases=1
    Advance Clock    90 s
    Feeder Current    supply    L2    is    16 A
    Get Metered Value    CP1    Current.Import    >=    15.5 A    phase=L2
    Get Metered Value    CP1    Current.Import    ==    0 A    phase=L1

The Lowest Of The Purposes Leads
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1    current=32 A
    Charging Profile Is Set    CP1    limits=20 A
    Charging Profile Is Set    CP1    purpose=TxProfile    limits=10.9 A
    Signalled Current    CP1    settles at    10 A    within=20 s
    Charging Profile Is Set    CP1    purpose=ChargePointMaxProfile    limits=8 A
    Signalled Current    CP1    is    8 A

The Backend Limits A Group By Its Master's Keys
    [Documentation]    DlmOperatorPhase1Limit and its like act as the operator's limit of the group.
    [Setup]    Start Site    mennekes/backend-lan
    ...    ${CP1}.DLM Master/Slave=DLM Master (With internal DLM-Slave)
    ...    ${CP1}.EVSE Sub-Distribution Limit (L1/L2/L3) [A]=40/40/40
    ...    ${CP1}.Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]=32/32/32
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1    current=32 A
    Signalled Current    CP1    settles at    32 A    within=65 s
    Backend Sends    CP1    ChangeConfiguration    key=DlmOperatorPhase2Limit    value=12    answer=Accepted
    Signalled Current    CP1    settles at    12 A    within=65 s
    Get Register    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT_L2    ==    12 A
    Backend Sends    CP1    ChangeConfiguration    key=DlmOperatorPhase2Limit    value=-1    answer=Rejected

A Lost Backend Does Not Stop A Transaction
    [Documentation]    Charging goes on by the stored profile; what happened meanwhile is told once, in its order.
    Vehicle Charges With Card    CP1    current=16 A
    Charging Profile Is Set    CP1    limits=0 s: 10 A, 600 s: 8 A
    Cut Backend Connection    CP1
    Advance Clock    5 minutes
    Charging Current    CP1    is    10 A
    Signalled Current    CP1    settles at    8 A    within=6 minutes
    Hold Card To Reader    CP1    ABC
    Unplug Vehicle    CP1
    Restore Backend Connection    CP1
    Session Is Told Once And In Its Order    CP1

A Message That Was Cut Off Is Sent Again And Booked Once
    Every Point Is Connected    CP1
    Backend Answers    CP1    StartTransaction    manner=cut
    Vehicle Charges With Card    CP1
    Backend Should Have Received    CP1    StartTransaction    times=2    within=3 minutes
    @{transactions} =    Get Backend Transactions    CP1
    Length Should Be    ${transactions}    1

A Profile Outlives A Power Cut
    Every Point Is Connected    CP1
    Charging Profile Is Set    CP1    limits=10 A
    Restart    CP1
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1    current=32 A
    Signalled Current    CP1    settles at    10 A    within=20 s
    Composite Schedule    CP1    ==    0 s: 10 A    duration=1 minute

A Point That Is Pending Boots Again
    [Setup]    Start Site    mennekes/backend-lan    ${CP1}.Connection Type=No backend
    Configure    CP1    Connection Type    Ethernet
    Backend Answers    CP1    BootNotification    status=Pending    interval=10    times=2
    Backend Closes Connection    CP1
    Restart    CP1
    Backend Should Have Received    CP1    BootNotification    times=4    within=2 minutes
    Backend Should Have Received    CP1    StatusNotification    connectorId=0    status=Available    within=10 s

A Reset Ends The Transaction
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1
    Backend Sends    CP1    Reset    type=Soft    answer=Accepted
    Backend Should Have Received    CP1    StopTransaction    reason=SoftReset    within=60 s
    Backend Should Have Received    CP1    BootNotification    times=2    within=60 s
    Charging Current    CP1    is    0 A
    Backend Should See    CP1    connected

A Transaction Ends With A Restart
    Vehicle Charges With Card    CP1
    Restart Device    CP1
    Backend Should Have Received    CP1    StopTransaction    reason=Reboot    within=60 s

A Transaction Ends Without Power
    Vehicle Charges With Card    CP1
    Restart    CP1
    Backend Should Have Received    CP1    StopTransaction    reason=PowerLoss    within=60 s


*** Keywords ***
Status Is
    [Documentation]    Register 104.
    [Arguments]    ${number}
    Get Register    CP1    ${STATUS}    ==    ${number}

Session Is Told Once And In Its Order
    [Documentation]    One transaction with a begin and an end, and its meter values by their times.
    [Arguments]    ${point}
    Backend Should Have Received    ${point}    StopTransaction    times=1    within=4 minutes
    @{transactions} =    Get Backend Transactions    ${point}
    Length Should Be    ${transactions}    1
    Should Not Be Equal    ${transactions}[0][stopped_at]    ${NONE}
    @{values} =    Get Backend Messages    ${point}    MeterValues
    @{times} =    Evaluate    [value['meterValue'][0]['timestamp'] for value in $values]
    Should Be True    len($times) > 8 and $times == sorted($times)
