*** Settings ***
Documentation       Several charging points with one SIM card: application note AMTRON Professional, chapter 4.
...                 CS1 is the gateway charging point; the backend is in the mobile network.
Library             Collections
Resource            gateway.resource
Test Setup          Start Site    mennekes/backend-gateway
Test Tags           mennekes    backend    gateway    needs:backend-api


*** Variables ***
${BACKEND}          backends.backend.parameters
${SECRET}           secret-1
${WSS}              wss://10.64.0.200:8080/ocpp


*** Test Cases ***
Each Charging Point Has A Connection Of Its Own Over The Modem Of The Gateway
    [Documentation]    Chapter 4: the gateway is the interface between the points of its network and the backend. CS2
    ...    and CS3 have no other way: with the LAN cable of CS1 they lose the backend, which CS1 itself keeps.
    [Tags]    MEN-OCPP-001    MEN-GW-001    MEN-GW-002
    FOR    ${point}    IN    CS1    CS2    CS3
        Vehicle Charges With Card    ${point}
        ${boot}    Backend Should Have Received    ${point}    BootNotification    times=1
        Should Be Equal    ${boot}[chargePointSerialNumber]    ${point}
        Backend Should Have Received    ${point}    StartTransaction    times=1
        Page Should Show    backend    ${point}    connected from 10.64.0.2
    END
    Page Should Show    CS1    Connection Type    GSM
    Page Should Show    CS2    Connection Type    Ethernet, gateway 192.168.0.2
    Cut Link    CS1
    Points Notice The Loss    CS2    CS3
    Backend Should See    CS1    connected

The Gateway Hands On What Both Sides Say
    [Documentation]    Chapter 4: the gateway acts exclusively as a router. What the backend answers and sends arrives
    ...    as it is, and so does what the points say: numbers, texts, what is accepted and what is not.
    [Tags]    MEN-GW-002
    [Setup]    Start Site    ${SITE}    ${BACKEND}.Id tags=ABC, STRANGER=Blocked
    [Template]    Messages Arrive As They Are
    CS2
    CS3

The URL Is Registered In Each ECU Again
    [Tags]    MEN-OCPP-003
    [Setup]    Start Site    ${SITE}    ${CS2}.${URL}=null    ${CS3}.${URL}=null
    Every Point Is Connected    CS1
    Advance Clock    60 s
    Page Should Not Show    backend    CS2    connected
    Page Should Not Show    backend    CS3    connected
    Setting Is Saved And Read Back    CS2    ${URL}    ${WS}    Backend > OCPP
    Setting Is Saved And Read Back    CS3    ${URL}    ${WS}    Backend > OCPP
    Every Point Is Connected    CS2    CS3

Each Station Offers The OCPP Settings
    [Tags]    MEN-OCPP-004
    FOR    ${point}    IN    CS1    CS2    CS3
        Parameter Should Be Available    ${point}    ${MODE}    ${URL}    menu=Backend > OCPP
    END

The JSON Mode Is Set In Each Station
    [Documentation]    What connects has agreed on the WebSocket subprotocol ocpp1.6: without it a session is refused.
    [Tags]    MEN-OCPP-005
    [Setup]    Start Site    ${SITE}    ${CS1}.${MODE}=OCPP-S    ${CS2}.${MODE}=OCPP-B    ${CS3}.${MODE}=OCPP-S
    Advance Clock    60 s
    FOR    ${point}    IN    CS1    CS2    CS3
        Backend Should See    ${point}    not connected
        Setting Is Saved And Read Back    ${point}    ${MODE}    OCPP-J 1.6    Backend > OCPP
        Backend Should See    ${point}    connected    within=60 s
    END

Behind A Gateway JSON Is Spoken
    [Tags]    MEN-GW-009
    [Setup]    Start Site    ${SITE}    ${CS2}.${MODE}=OCPP-B
    Site Check Should Say    ${SITE}    CS2 cannot be used behind a gateway    ${CS2}.${MODE}=OCPP-B
    Every Point Is Connected    CS1    CS3
    Advance Clock    60 s
    Backend Should See    CS2    not connected
    Configure    CS2    ${MODE}    OCPP-J 1.6
    Backend Should See    CS2    connected    within=60 s

Both Schemes Connect
    [Documentation]    CS2 changes from the backend with ws:// to one with wss://. There is no way back: a security
    ...    profile is only ever raised.
    [Tags]    MEN-OCPP-006
    [Setup]    Start With A Second Backend
    Every Point Is Connected    CS1    CS2    CS3
    Page Should Show    backend    CS2    connected from
    Setting Is Saved And Read Back    CS2    ${URL}    wss://10.64.0.201:8080/ocpp    Backend > OCPP
    Backend Should See    CS2    connected    within=60 s
    Page Should Show    secure    CS2    connected from
    Page Should Show    backend    CS2    not connected

All Stations Use TLS
    [Tags]    MEN-OCPP-006
    [Setup]    Start With TLS    valid
    Every Point Is Connected    CS1    CS2    CS3

An Expired Certificate Of The Server Is Refused
    [Tags]    MEN-OCPP-006
    [Setup]    Start With TLS    expired
    Page Should Show    CS1    Backend    certificate has expired    within=60 s
    Page Should Show    CS2    Backend    certificate has expired    within=60 s
    Backend Should See    CS1    not connected

A Certificate For Another Host Is Refused
    [Tags]    MEN-OCPP-006
    [Setup]    Start With TLS    other host
    Page Should Show    CS2    Backend    the certificate is refused    within=60 s
    Backend Should See    CS2    not connected

Only A Saved URL Is Used After The Restart
    [Tags]    MEN-OCPP-007
    [Setup]    Start Site    ${SITE}    ${CS2}.${URL}=ws://10.64.0.200:8099/ocpp
    Every Point Is Connected    CS1
    Set Parameter    CS2    ${URL}    ${WS}
    Restart Device    CS2
    Advance Clock    30 s
    Page Should Show    CS2    Backend    not connected: ws://10.64.0.200:8099
    Configure    CS2    ${URL}    ${WS}
    Backend Should See    CS2    connected    within=60 s

A Station In Another Network Does Not Reach The Backend
    [Documentation]    Chapter 4: the stations behind the gateway must be in the same network. That CS3 keeps the
    ...    address of the gateway does not help, nor a netmask so wide that it believes to reach it.
    [Tags]    MEN-GW-003
    [Setup]    Start With Stations In Another Network
    Every Point Is Connected    CS1    CS2
    Advance Clock    2 minutes
    FOR    ${point}    IN    CS3    CS4    CS5
        Backend Should See    ${point}    not connected
        Page Should Show    ${point}    Backend    not connected
    END
    Page Should Show    CS3    Connection Type    Ethernet, gateway 192.168.0.2 is in another network
    Page Should Show    CS4    Connection Type    Ethernet, gateway 192.168.0.2
    Page Should Show    CS5    Connection Type    Ethernet, no gateway

Without A SIM Card Nobody Reaches The Backend
    [Documentation]    The load management of the three needs no backend: CS1, its master, shares out 40 A.
    [Tags]    MEN-GW-006
    [Setup]    Start With Master    CS1    devices.CS1.sim=null    ${CS1}.Free Charging=On    ${CS2}.Free Charging=On
    Site Check Should Say    ${SITE}    has no SIM card    devices.CS1.sim=null
    Page Should Show    CS1    Connection Type    no SIM card
    Plug In Vehicle    CS2    phases=3    max_current=32 A
    Charging Current    CS2    settles at    32 A    within=65 s
    Plug In Vehicle    CS1    phases=3    max_current=32 A
    Charging Current    CS2    settles at    20 A    within=65 s
    Charging Current    CS1    settles at    20 A    within=65 s
    FOR    ${point}    IN    CS1    CS2    CS3
        Backend Should See    ${point}    not connected
    END

Every Model With A Modem Can Be The Gateway
    [Documentation]    Chapter 4: the models with '+' in their name have a modem. CS2 is one of them, too.
    [Tags]    MEN-GW-005
    [Setup]    Start Site    ${SITE}    devices.CS1.sim=null    ${CS1}.${ROUTER}=Off    ${CS1}.${TYPE}=Ethernet
    ...    ${CS1}.${GATEWAY}=192.168.0.3    devices.CS2.sim={network: mobile, address: 10.64.0.3}
    ...    ${CS2}.${ROUTER}=On    ${CS2}.${TYPE}=GSM    ${CS2}.${GATEWAY}=null    ${CS3}.${GATEWAY}=192.168.0.3
    Every Point Is Connected    CS1    CS2    CS3
    Page Should Show    backend    CS3    connected from 10.64.0.3

A Model Without A Modem Cannot Be The Gateway
    [Documentation]    Chapter 4.1: charging stations without a modem do not have the menu GSM.
    [Tags]    MEN-GW-005    MEN-GW-019
    Parameter Should Be Available    CS1    ${MODEM}    menu=Network > GSM
    Parameter Should Be Available    CS2    ${MODEM}    menu=Network > GSM
    Configure    CS2    ${MODEM}    Show
    Parameter Should Be Available    CS2    ${ROUTER}    menu=Network > GSM
    Parameter Should Not Be Available    CS3    ${MODEM}    ${ROUTER}
    Parameter Should Refuse    CS3    ${TYPE}    GSM
    VAR    ${why}    AMTRON Professional has no modem
    Site Check Should Say    ${SITE}    ${why}    ${CS3}.${ROUTER}=On
    Site Check Should Say    ${SITE}    ${why}    devices.CS3.sim={network: mobile, address: 10.64.0.4}
    Site Check Should Say    ${SITE}    ${why}    ${CS3}.${TYPE}=GSM

A Network Has One Gateway
    [Tags]    MEN-GW-008
    Site Check Should Say    ${SITE}    CS1 and CS2 are both gateway charging point of network 'lan'.
    ...    ${CS2}.${ROUTER}=On
    Every Point Is Connected    CS1    CS2    CS3

Fifty Charging Points Share A SIM Card
    [Documentation]    With one more the site check names the recommendation.
    [Tags]    MEN-GW-010
    [Setup]    Start With Further Stations    47    pack=10
    FOR    ${number}    IN RANGE    1    51
        Plug In Vehicle    CS${number}    phases=1    max_current=1 A
        Hold Card To Reader    CS${number}    ABC
    END
    FOR    ${number}    IN RANGE    1    51
        Backend Should Have Received    CS${number}    StartTransaction    times=1    within=60 s
    END
    &{fields}    Further Stations    47
    Site Check Should Accept    ${SITE}    &{fields}
    &{fields}    Further Stations    48
    Site Check Should Say    ${SITE}    51 charging points share the SIM card of CS1.    &{fields}

The Gateway Can Be The DLM Master
    [Tags]    MEN-GW-035
    [Setup]    Start With Master    CS1
    Every Point Is Connected    CS1    CS2    CS3
    Two Vehicles Share 40 A

Another Charging Point Can Be The DLM Master
    [Tags]    MEN-GW-035
    [Setup]    Start With Master    CS3
    Every Point Is Connected    CS1    CS2    CS3
    Two Vehicles Share 40 A

Without Its Gateway The Network Has No Backend
    [Documentation]    CS3 is the DLM master, so load management goes on.
    [Tags]    MEN-GW-036
    [Setup]    Start With Master    CS3
    Vehicle Charges With Card    CS2    current=32 A
    Vehicle Charges With Card    CS3    current=32 A
    Kill    CS1
    Points Notice The Loss    CS2    CS3
    Signalled Current    CS2    settles at    20 A    within=65 s
    Unplug Vehicle    CS3
    Signalled Current    CS2    settles at    32 A    within=65 s
    Restart    CS1
    Every Point Is Connected    CS1    CS2    CS3    within=4 minutes
    Backend Should Have Received    CS3    StopTransaction    times=1    within=60 s


*** Keywords ***
Messages Arrive As They Are
    [Documentation]    A point behind the gateway and the backend have the same words and numbers.
    [Arguments]    ${point}
    Settings Of The Backend Arrive As They Are    ${point}
    Cards And Transactions Arrive As They Are    ${point}

Settings Of The Backend Arrive As They Are
    [Documentation]    Interval, text, profile.
    [Arguments]    ${point}
    Every Point Is Connected    ${point}
    Backend Answers    ${point}    BootNotification    interval=177
    Restart    ${point}
    Every Point Is Connected    ${point}
    Get Configuration Key    ${point}    HeartbeatInterval    ==    177
    VAR    ${text}    Accepted, 13.7 A at 192.168.0.3 <${point}>
    Backend Sends    ${point}    ChangeConfiguration    key=CpoName    value=${text}    answer=Accepted
    Get Configuration Key    ${point}    CpoName    ==    ${text}
    Charging Profile Is Set    ${point}    limits=0 s: 13.7 A, 60 s: 9.3 A
    Composite Schedule    ${point}    ==    0 s: 13.7 A, 60 s: 9.3 A    duration=2 minutes

Cards And Transactions Arrive As They Are
    [Documentation]    Who is blocked gets nothing; a transaction ends under the number that the backend gave it.
    [Arguments]    ${point}
    Plug In Vehicle    ${point}    phases=3    max_current=32 A
    Hold Card To Reader    ${point}    STRANGER
    Backend Should Have Received    ${point}    Authorize    idTag=STRANGER    within=30 s
    Charging Current    ${point}    stays at    0 A    within=10 s
    Hold Card To Reader    ${point}    ABC
    Charging Current    ${point}    settles at    9 A    within=90 s
    @{transactions}    Get Backend Transactions    ${point}
    Unplug Vehicle    ${point}
    ${stopped}    Backend Should Have Received    ${point}    StopTransaction    within=30 s
    Should Be Equal    ${stopped}[transactionId]    ${transactions}[0][id]

Start With Stations In Another Network
    [Documentation]    CS3 keeps the gateway, CS4 has a wide netmask too, CS5 has no gateway.
    &{fields}    Further Stations    2
    VAR    &{own}    CS3=192.168.7.4    CS4=192.168.7.5    CS5=192.168.7.6
    FOR    ${name}    ${address}    IN    &{own}
        Set To Dictionary    ${fields}    devices.${name}.network=annex    devices.${name}.address=${address}
        ...    devices.${name}.parameters.${STATIC_IP}=${address}
    END
    Set To Dictionary    ${fields}    networks.annex=192.168.7.0/24    devices.CS4.parameters.${NETMASK}=255.255.0.0
    ...    devices.CS5.parameters.${GATEWAY}=null
    FOR    ${name}    IN    @{own}
        Site Check Should Say    ${SITE}    ${name} does not reach its backend    &{fields}
    END
    Start Site    ${SITE}    &{fields}

Start With A Second Backend
    [Documentation]    It has a certificate and wants a password, which CS2 has.
    Start Site    ${SITE}    backends.secure={type: backend, network: mobile, address: 10.64.0.201}
    ...    backends.secure.parameters.Security profile=2    backends.secure.parameters.API token=farm
    ...    backends.secure.parameters.Passwords=CS2=${SECRET}    ${CS2}.${PASSWORD}=${SECRET}

Start With TLS
    [Documentation]    The backend has a certificate and wants passwords; all stations use wss://.
    [Arguments]    ${certificate}
    Start Site    ${SITE}    ${BACKEND}.Security profile=2    ${BACKEND}.Certificate=${certificate}
    ...    ${BACKEND}.Passwords=CS1=${SECRET}, CS2=${SECRET}, CS3=${SECRET}
    ...    ${CS1}.${URL}=${WSS}    ${CS2}.${URL}=${WSS}    ${CS3}.${URL}=${WSS}
    ...    ${CS1}.${PASSWORD}=${SECRET}    ${CS2}.${PASSWORD}=${SECRET}    ${CS3}.${PASSWORD}=${SECRET}

Start With Master
    [Documentation]    One point coordinates the other two; together they may take 40 A.
    [Arguments]    ${master}    &{fields}
    VAR    ${slave}    DLM Slave (Master-Auto-Discovery)
    VAR    &{roles}    ${CS1}.DLM Master/Slave=${slave}    ${CS2}.DLM Master/Slave=${slave}
    ...    ${CS3}.DLM Master/Slave=${slave}
    VAR    ${parameters}    devices.${master}.parameters
    Set To Dictionary    ${roles}    ${parameters}.DLM Master/Slave=DLM Master (With internal DLM-Slave)
    ...    ${parameters}.EVSE Sub-Distribution Limit (L1/L2/L3) [A]=40/40/40
    ...    ${parameters}.Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]=40/40/40
    Start Site    ${SITE}    &{roles}    &{fields}

Two Vehicles Share 40 A
    [Documentation]    Whoever is the master.
    Vehicle Charges With Card    CS1    current=32 A
    Vehicle Charges With Card    CS2    current=32 A
    Signalled Current    CS1    settles at    20 A    within=65 s
    Signalled Current    CS2    is    20 A
