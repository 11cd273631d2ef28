*** Settings ***
Documentation       Several charging points with one SIM card: application note AMTRON Professional, chapter 4.
...                 CS1 is the gateway charging point; the backend is in the mobile network.
Library             Collections
Resource            backend.resource
Test Setup          Start Site    mennekes/backend-gateway
Test Tags           mennekes    backend    gateway    needs:backend-api


*** Variables ***
${SITE}             mennekes/backend-gateway
${CS1}              devices.CS1.parameters
${CS2}              devices.CS2.parameters
${CS3}              devices.CS3.parameters
${BACKEND}          backends.backend.parameters
${SECRET}           secret-1
${WSS}              wss://10.64.0.200:8080/ocpp
${WS}               ws://10.64.0.200:8080/ocpp


*** Test Cases ***
Each Charging Point Has A Connection Of Its Own Over The Modem Of The Gateway
    [Tags]    MEN-OCPP-001    MEN-GW-001    MEN-GW-002    MEN-GW-012
    FOR    ${point}    IN    CS1    CS2    CS3
        Vehicle Charges With Card    ${point}
        ${boot}    Backend Should Have Received    ${point}    BootNotification    times=1
        Should Be Equal    ${boot}[chargePointSerialNumber]    ${point}
        Backend Should Have Received    ${point}    StartTransaction    times=1
    END
    Page Should Show    CS1    Connection Type    GSM
    Page Should Show    CS2    Connection Type    Ethernet, gateway 192.168.0.2

The URL Is Registered In Each ECU Again
    [Tags]    MEN-OCPP-003
    [Setup]    Start Site    ${SITE}    ${CS2}.${URL}=null    ${CS3}.${URL}=null
    Every Point Is Connected    CS1
    Configure    CS2    ${URL}    ${WS}
    Configure    CS3    ${URL}    ${WS}
    Every Point Is Connected    CS2    CS3

Each Station Offers The OCPP Settings
    [Tags]    MEN-OCPP-004
    FOR    ${point}    IN    CS1    CS2    CS3
        Parameter Should Be Available    ${point}    ${MODE}    ${URL}    menu=Backend > OCPP
    END

The JSON Mode Is Set In Each Station
    [Documentation]    What connects has agreed on the WebSocket subprotocol ocpp1.6: without it a session is refused.
    [Tags]    MEN-OCPP-005    MEN-GW-009
    [Setup]    Start Site    ${SITE}    ${CS2}.${MODE}=OCPP-B
    Site Check Should Say    ${SITE}    CS2 cannot be used behind a gateway    ${CS2}.${MODE}=OCPP-B
    Every Point Is Connected    CS1    CS3
    Backend Should See    CS2    not connected
    Setting Is Saved And Read Back    CS2    ${MODE}    OCPP-J 1.6    Backend > OCPP
    Backend Should See    CS2    connected    within=60 s

Both Schemes Connect
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
    [Tags]    MEN-GW-003
    [Setup]    Start Site    ${SITE}    networks.annex=192.168.7.0/24    devices.CS3.network=annex
    ...    devices.CS3.address=192.168.7.4    ${CS3}.${STATIC_IP}=192.168.7.4    ${CS3}.${GATEWAY}=null
    Site Check Should Say    ${SITE}    CS3 does not reach its backend    networks.annex=192.168.7.0/24
    ...    devices.CS3.network=annex    devices.CS3.address=192.168.7.4    ${CS3}.${GATEWAY}=null
    Every Point Is Connected    CS1    CS2
    Advance Clock    60 s
    Backend Should See    CS3    not connected
    Page Should Show    CS3    Connection Type    no gateway

Without A SIM Card Nobody Reaches The Backend
    [Tags]    MEN-GW-006
    [Setup]    Start Site    ${SITE}    devices.CS1.sim=null
    Site Check Should Say    ${SITE}    has no SIM card    devices.CS1.sim=null
    Page Should Show    CS1    Connection Type    no SIM card
    Advance Clock    2 minutes
    FOR    ${point}    IN    CS1    CS2    CS3
        Backend Should See    ${point}    not connected
    END

A Network Has One Gateway
    [Tags]    MEN-GW-008
    Site Check Should Say    ${SITE}    CS1 and CS2 are both gateway charging point of network 'lan'.
    ...    ${CS2}.${ROUTER}=On
    Every Point Is Connected    CS1    CS2    CS3

Settings Of The Gateway
    [Tags]    MEN-GW-011    MEN-GW-012    MEN-GW-013    MEN-GW-014    MEN-GW-021    MEN-GW-022
    ...       MEN-GW-023    MEN-GW-024
    [Template]    Setting Is Saved And Read Back
    CS1    ${TYPE}    GSM    Backend > Connection
    CS1    ${MODEM}    Show    Network > GSM
    CS1    ${ROUTER}    On    Network > GSM
    CS1    ${LAN}    Show    Network > LAN
    CS1    ${ETHERNET}    Static    Network > LAN
    CS1    ${STATIC_IP}    192.168.0.2    Network > LAN
    CS1    ${NETMASK}    255.255.255.0    Network > LAN    255.255.0.0

Settings Of The Other Stations
    [Documentation]    Every emulated station has a modem, the menu with it, and keeps what was saved.
    [Tags]    MEN-GW-015    MEN-GW-016    MEN-GW-017    MEN-GW-018    MEN-GW-025    MEN-GW-026    MEN-GW-027
    ...       MEN-GW-028    MEN-GW-030
    [Template]    Setting Is Saved And Read Back
    CS2    ${TYPE}    Ethernet    Backend > Connection
    CS2    ${MODEM}    Show    Network > GSM
    CS2    ${ROUTER}    Off    Network > GSM
    CS2    ${LAN}    Show    Network > LAN
    CS2    ${ETHERNET}    Static    Network > LAN
    CS2    ${STATIC_IP}    192.168.0.3    Network > LAN
    CS2    ${NETMASK}    255.255.255.0    Network > LAN    255.255.0.0
    CS2    ${GATEWAY}    192.168.0.2    Network > LAN

A Further Station Is Set Up Like The Others
    [Tags]    MEN-GW-034
    [Setup]    Start With Further Stations    1
    Get Parameter    CS4    ${STATIC_IP}    ==    192.168.0.5
    Get Parameter    CS4    ${GATEWAY}    ==    192.168.0.2
    Every Point Is Connected    CS1    CS2    CS3    CS4

With Dynamic Addresses The DHCP Server Is The Gateway
    [Tags]    MEN-GW-004    MEN-GW-007
    [Setup]    Start With Dynamic Addresses    DHCP server
    Every Point Is Connected    CS1    CS2    CS3
    Page Should Show    CS2    Connection Type    Ethernet, gateway 192.168.0.2
    Cut Backend Connection    CS2
    Points Notice The Loss    CS2
    Backend Should See    CS3    connected
    Restore Backend Connection    CS2
    Backend Should See    CS2    connected    within=4 minutes

With A Router As DHCP Server The Gateway Is Not Found
    [Tags]    MEN-GW-004
    Site Check Should Say    ${SITE}    CS2 is a DHCP client, but CS1, the gateway charging point, is no DHCP server
    ...    ${CS2}.${ETHERNET}=Auto (DHCP client)    ${CS2}.${GATEWAY}=null

Another DHCP Server Than The Gateway Leads Nowhere
    [Tags]    MEN-GW-007
    [Setup]    Start Site    ${SITE}    ${CS2}.${ETHERNET}=DHCP server    ${CS3}.${ETHERNET}=Auto (DHCP client)
    Site Check Should Say    ${SITE}    CS2 is DHCP server, but CS1 is the gateway    ${CS2}.${ETHERNET}=DHCP server
    Advance Clock    60 s
    Page Should Show    CS3    Connection Type    Ethernet, gateway 192.168.0.3
    Backend Should See    CS3    not connected

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
    &{fields}    Further Stations    48
    Site Check Should Say    ${SITE}    51 charging points share the SIM card of CS1.    &{fields}

WAN-Router Makes The Gateway
    [Tags]    MEN-GW-011    MEN-GW-014
    [Setup]    Start Site    ${SITE}    ${CS1}.${ROUTER}=Off
    Every Point Is Connected    CS1
    Advance Clock    60 s
    Backend Should See    CS2    not connected
    Configure    CS1    ${ROUTER}    On
    Every Point Is Connected    CS1    CS2    CS3    within=3 minutes

The Gateway's Own Gateway Stays Empty
    [Tags]    MEN-GW-029    MEN-GW-031
    Site Check Should Say    ${SITE}    CS1 is the gateway charging point itself    ${CS1}.${GATEWAY}=192.168.0.1
    Get Parameter    CS1    ${GATEWAY}    ==    ${EMPTY}
    Every Point Is Connected    CS1    CS2    CS3

The Others Need The Address Of The Gateway
    [Tags]    MEN-GW-020    MEN-GW-030    MEN-GW-032    MEN-GW-033    MEN-NET-052
    [Setup]    Start Site    ${SITE}    ${CS2}.${GATEWAY}=null
    Site Check Should Say    ${SITE}    CS2 does not reach its backend    ${CS2}.${GATEWAY}=null
    Every Point Is Connected    CS1    CS3
    Advance Clock    60 s
    Backend Should See    CS2    not connected
    Configure    CS2    ${GATEWAY}    192.168.0.2
    Backend Should See    CS2    connected    within=60 s

The Gateway Can Be The DLM Master
    [Tags]    MEN-GW-035
    [Setup]    Start With Master    CS1
    Two Vehicles Share 40 A

Another Charging Point Can Be The DLM Master
    [Tags]    MEN-GW-035
    [Setup]    Start With Master    CS3
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
Start With TLS
    [Documentation]    The backend has a certificate and wants passwords; all stations use wss://.
    [Arguments]    ${certificate}
    Start Site    ${SITE}    ${BACKEND}.Security profile=2    ${BACKEND}.Certificate=${certificate}
    ...    ${BACKEND}.Passwords=CS1=${SECRET}, CS2=${SECRET}, CS3=${SECRET}
    ...    ${CS1}.${URL}=${WSS}    ${CS2}.${URL}=${WSS}    ${CS3}.${URL}=${WSS}
    ...    ${CS1}.${PASSWORD}=${SECRET}    ${CS2}.${PASSWORD}=${SECRET}    ${CS3}.${PASSWORD}=${SECRET}

Start With Master
    [Documentation]    One point coordinates the other two; together they may take 40 A.
    [Arguments]    ${master}
    VAR    ${slave}    DLM Slave (Master-Auto-Discovery)
    VAR    &{roles}    ${CS1}.DLM Master/Slave=${slave}    ${CS2}.DLM Master/Slave=${slave}
    ...    ${CS3}.DLM Master/Slave=${slave}
    VAR    ${parameters}    devices.${master}.parameters
    Set To Dictionary    ${roles}    ${parameters}.DLM Master/Slave=DLM Master (With internal DLM-Slave)
    ...    ${parameters}.EVSE Sub-Distribution Limit (L1/L2/L3) [A]=40/40/40
    ...    ${parameters}.Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]=40/40/40
    Start Site    ${SITE}    &{roles}
    Every Point Is Connected    CS1    CS2    CS3

Further Stations
    [Documentation]    Fields of the site for CS4, CS5, ... with consecutive addresses, set up as CS2.
    [Arguments]    ${count}
    VAR    ${parameters}    Connection Type: Ethernet, ${LAN}: Show, ${ETHERNET}: Static, "${URL}": "${WS}"
    VAR    ${station}    type: mennekes_ecu, feeder: supply, address: 192.168.0
    VAR    &{fields}    supply.main_fuse=null
    FOR    ${number}    IN RANGE    4    ${4 + ${count}}
        VAR    ${own}    ${STATIC_IP}: 192.168.0.${${number} + 1}, ${GATEWAY}: 192.168.0.2
        VAR    ${one}    ${station}.${${number} + 1}, parameters: {${parameters}, ${own}}
        Set To Dictionary    ${fields}    devices.CS${number}={${one}}
    END
    RETURN    ${fields}

Start With Dynamic Addresses
    [Documentation]    CS1 in this mode, the others DHCP clients without a gateway of their own.
    [Arguments]    ${mode}
    VAR    ${client}    Auto (DHCP client)
    Start Site    ${SITE}    ${CS1}.${ETHERNET}=${mode}    ${CS2}.${ETHERNET}=${client}    ${CS3}.${ETHERNET}=${client}
    ...    ${CS2}.${GATEWAY}=null    ${CS3}.${GATEWAY}=null

Start With Further Stations
    [Documentation]    CS1 to CS3 and so many more. Many share containers, on a bench that has some.
    [Arguments]    ${count}    ${pack}=1
    &{fields}    Further Stations    ${count}
    Start Site    ${SITE}    pack=${pack}    &{fields}

Two Vehicles Share 40 A
    [Documentation]    Whoever is the master.
    Vehicle Charges With Card    CS1    current=32 A
    Vehicle Charges With Card    CS2    current=32 A
    Signalled Current    CS1    settles at    20 A    within=65 s
    Signalled Current    CS2    is    20 A
