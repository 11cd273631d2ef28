*** Settings ***
Documentation       Words for the backend: the example of each keyword, run as it is documented.
Resource            hil/keywords/farm.resource
Test Setup          Start With A Session
Test Tags           keywords    needs:backend-api


*** Test Cases ***
The Backend Sends
    Backend Sends    CP1    RemoteStopTransaction    transactionId=1    answer=Accepted
    Backend Should Have Received    CP1    StopTransaction    within=10 s
    Unplug Vehicle    CP1
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Backend Sends    CP1    RemoteStartTransaction    idTag=ABC    connectorId=1    answer=Accepted
    ${keys} =    Backend Sends    CP1    GetConfiguration    key=["HeartbeatInterval"]
    Should Be Equal    ${keys}[configurationKey][0][key]    HeartbeatInterval

Profiles And What Comes Of Them
    Charging Profile Is Set    CP1    limits=10 A
    Composite Schedule    CP1    ==    0 s: 10 A    duration=2 minutes
    Charging Profile Is Set    CP1    purpose=TxDefaultProfile    limits=0 s: 10 A, 60 s: 8 A
    Composite Schedule    CP1    ==    0 s: 10 A, 60 s: 8 A    duration=2 minutes
    Charging Profile Is Set    CP1    purpose=ChargePointMaxProfile    limits=0 s: 7.5 A    connector=0
    ${limits} =    Composite Schedule    CP1    duration=5 minutes
    Should Be Equal    ${limits}    0 s: 7.5 A
    Charging Profile Is Set    CP1    limits=10 A    level=99    answer=Rejected
    Signalled Current    CP1    is    7 A

Answers Out Of The Ordinary
    Backend Answers    CP1    BootNotification    status=Pending    interval=10
    Restart Device    CP1
    Backend Should Have Received    CP1    BootNotification    within=30 s    times=3
    Backend Answers    CP1    StartTransaction    manner=cut
    Hold Card To Reader    CP1    ABC
    Backend Should Have Received    CP1    StartTransaction    within=3 minutes    times=3
    @{transactions} =    Get Backend Transactions    CP1
    Length Should Be    ${transactions}    2

Answers With Objects And Answers That Break The Schema
    Backend Answers    CP1    StartTransaction    idTagInfo={"status": "Blocked"}
    Hold Card To Reader    CP1    ABC
    Hold Card To Reader    CP1    DEF
    Backend Should Have Received    CP1    StopTransaction    reason=DeAuthorized    within=1 minute
    Backend Answers    CP1    Heartbeat    currentTime=5    is_checked=False
    Run Keyword And Expect Error    *NotImplemented*
    ...    Backend Sends    CP1    Nonsense    a=5    is_checked=False
    Run Keyword And Expect Error    *TypeConstraintViolation*
    ...    Backend Sends    CP1    Reset    type=5    is_checked=False

Connections Break
    Backend Should See    CP1    connected    within=60 s
    Backend Closes Connection    CP1
    Backend Should See    CP1    not connected
    Backend Should See    CP1    connected    within=60 s
    Backend Closes Connection    CP1    1001
    Backend Should See    CP1    connected    within=60 s
    Cut Backend Connection    CP1
    Page Should Show    CP1    Backend    not connected    within=3 minutes
    Restore Backend Connection    CP1
    Page Should Not Show    CP1    Backend    not    within=3 minutes

What The Backend Has
    Backend Should Have Received    CP1    StatusNotification    connectorId=1    status=Charging    within=30 s
    Backend Should Have Received    CP1    StartTransaction    times=1
    Backend Should Not Have Received    CP1    StopTransaction
    @{boots} =    Get Backend Messages    CP1    BootNotification
    Should Be Equal    ${boots}[0][chargePointVendor]    MENNEKES
    @{transactions} =    Get Backend Transactions    CP1
    Should Be Equal    ${transactions}[0][id_tag]    ABC

What The Backend Has Been Told Of Current And Settings
    Advance Clock    2 minutes
    ${current} =    Get Metered Value    CP1    Current.Import    phase=L1
    Should Be Equal As Numbers    ${current}    16
    Get Metered Value    CP1    Current.Import    <=    16.5 A    phase=L1
    Get Configuration Key    CP1    NumberOfConnectors    ==    1
    ${level} =    Get Configuration Key    CP1    ChargeProfileMaxStackLevel
    Should Be Equal    ${level}    15

A Word That Cannot Be Right Says What Is Possible
    [Setup]    Start Site    mennekes/backend-lan
    [Template]    Run Keyword And Expect Error
    *no message of OCPP 1.6 'RemoteStart'*    Backend Sends    CP1    RemoteStart    idTag=ABC
    *no field of RemoteStartTransaction 'tag'*    Backend Sends    CP1    RemoteStartTransaction    tag=ABC
    *idTagInfo of the answer to StartTransaction is object in JSON*
    ...    Backend Answers    CP1    StartTransaction    idTagInfo=Blocked
    *idTagInfo.status: 'Bad' is not known*
    ...    Backend Answers    CP1    StartTransaction    idTagInfo={"status": "Bad"}
    *'ten' is no step of a schedule.*    Charging Profile Is Set    CP1    limits=ten
    *'asleep' is no state.*    Backend Should See    CP1    asleep
    *no transaction runs there.*    Charging Profile Is Set    CP1    purpose=TxProfile    limits=10 A
    The backend should have received StopTransaction of CP1 within 0 s*BootNotification*
    ...    Backend Should Have Received    CP1    StopTransaction
    *has no card reader here.*    Hold Card To Reader    backend    ABC


*** Keywords ***
Start With A Session
    [Documentation]    A vehicle charges with a card.
    Start Site    mennekes/backend-lan
    Backend Should See    CP1    connected    within=60 s
    Plug In Vehicle    CP1    phases=3    max_current=16 A
    Hold Card To Reader    CP1    ABC
    Advance Clock    10 s
