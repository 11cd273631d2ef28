*** Settings ***
Documentation       Settings of the gateway charging point and of the stations behind it: application note AMTRON
...                 Professional, chapters 4.1 and 4.3. Each one is first something else, and acts once it is saved.
Library             Collections
Resource            gateway.resource
Test Setup          Start Site    mennekes/backend-gateway
Test Tags           mennekes    backend    gateway    needs:backend-api


*** Test Cases ***
Show Opens The Parameters Of A Menu
    [Tags]    MEN-GW-013    MEN-GW-017    MEN-GW-021    MEN-GW-025
    [Template]    Show Opens Parameters
    CS1    ${MODEM}    Network > GSM    ${ROUTER}
    CS2    ${MODEM}    Network > GSM    ${ROUTER}
    CS1    ${LAN}    Network > LAN    ${ETHERNET}    ${STATIC_IP}    ${NETMASK}    ${GATEWAY}
    CS2    ${LAN}    Network > LAN    ${ETHERNET}    ${STATIC_IP}    ${NETMASK}    ${GATEWAY}
    CS3    ${LAN}    Network > LAN    ${ETHERNET}    ${STATIC_IP}    ${NETMASK}    ${GATEWAY}

The Gateway Goes By Its Modem
    [Tags]    MEN-GW-012
    [Setup]    Start Site    ${SITE}    ${CS1}.${TYPE}=Ethernet
    Advance Clock    60 s
    Page Should Show    CS1    Connection Type    no gateway
    Backend Should See    CS1    not connected
    Setting Is Saved And Read Back    CS1    ${TYPE}    GSM    Backend > Connection
    Every Point Is Connected    CS1    CS2    CS3    within=3 minutes
    Page Should Show    backend    CS1    connected from 10.64.0.2

The Other Stations Go By Ethernet
    [Documentation]    CS2 has a modem, but no SIM card in it.
    [Tags]    MEN-GW-015
    [Setup]    Start Site    ${SITE}    ${CS2}.${TYPE}=GSM    ${CS3}.${TYPE}=No backend
    Every Point Is Connected    CS1
    Advance Clock    60 s
    Backend Should See    CS2    not connected
    FOR    ${point}    IN    CS2    CS3
        Setting Is Saved And Read Back    ${point}    ${TYPE}    Ethernet    Backend > Connection
        Page Should Show    ${point}    Connection Type    Ethernet, gateway 192.168.0.2
        Backend Should See    ${point}    connected    within=60 s
    END

Only What Was Saved Is There After A Restart
    [Tags]    MEN-GW-016
    [Setup]    Start Site    ${SITE}    ${CS2}.${TYPE}=GSM    ${CS2}.${MODEM}=Show
    Edit Is Lost Without Save    CS2    ${TYPE}    GSM    Ethernet
    Page Should Show    CS2    Connection Type    no SIM card
    Configure    CS2    ${TYPE}    Ethernet
    Get Parameter    CS2    ${TYPE}    ==    Ethernet
    Backend Should See    CS2    connected    within=60 s
    Edit Is Lost Without Save    CS2    ${ROUTER}    Off    On
    Configure    CS2    ${ROUTER}    On
    Restart    CS2
    Get Parameter    CS2    ${ROUTER}    ==    On

A Station That Is No Gateway Forwards Nothing
    [Documentation]    CS2 has a SIM card as well, and CS3 has it for a gateway.
    [Tags]    MEN-GW-018
    [Setup]    Start Site    ${SITE}    ${CS1}.${ROUTER}=Off    devices.CS2.sim={network: mobile, address: 10.64.0.3}
    ...    ${CS2}.${TYPE}=GSM    ${CS2}.${MODEM}=Show    ${CS2}.${ROUTER}=On    ${CS2}.${GATEWAY}=null
    ...    ${CS3}.${GATEWAY}=192.168.0.3
    Every Point Is Connected    CS1    CS2    CS3
    Page Should Show    backend    CS3    connected from 10.64.0.3
    Setting Is Saved And Read Back    CS2    ${ROUTER}    Off    Network > GSM
    Every Point Is Connected    CS1    CS2
    Advance Clock    3 minutes
    Backend Should See    CS2    connected
    Backend Should See    CS3    not connected
    Page Should Show    CS3    Connection Type    Ethernet, gateway 192.168.0.3

A Static Gateway Is No DHCP Server
    [Documentation]    CS2 asks for its gateway: once CS1 is static, nobody answers.
    [Tags]    MEN-GW-022
    [Setup]    Start Site    ${SITE}    ${CS1}.${ETHERNET}=DHCP server    ${CS2}.${ETHERNET}=Auto (DHCP client)
    ...    ${CS2}.${GATEWAY}=null
    Every Point Is Connected    CS1    CS2    CS3
    Setting Is Saved And Read Back    CS1    ${ETHERNET}    Static    Network > LAN
    Restart    CS2
    Every Point Is Connected    CS1    CS3    within=3 minutes
    Page Should Show    CS2    Connection Type    Ethernet, no gateway
    Backend Should See    CS2    not connected

A Static Station Takes The Gateway That Was Entered
    [Documentation]    A DHCP client asks, and CS2 answers, which leads nowhere; a static station does not ask.
    [Tags]    MEN-GW-026
    [Setup]    Start Site    ${SITE}    ${CS2}.${ETHERNET}=DHCP server    ${CS3}.${ETHERNET}=Auto (DHCP client)
    Advance Clock    60 s
    Page Should Show    CS3    Connection Type    Ethernet, gateway 192.168.0.3
    FOR    ${point}    IN    CS2    CS3
        Backend Should See    ${point}    not connected
        Setting Is Saved And Read Back    ${point}    ${ETHERNET}    Static    Network > LAN
        Page Should Show    ${point}    Connection Type    Ethernet, gateway 192.168.0.2
        Backend Should See    ${point}    connected    within=60 s
    END

The Netmask Says Who Is In The Gateway's Network
    [Documentation]    With 255.255.255.254 CS1 knows CS2 only, at .3: what it has for CS3, at .4, goes elsewhere.
    [Tags]    MEN-GW-024
    [Setup]    Start Site    ${SITE}    ${CS1}.${NETMASK}=255.255.255.254
    Every Point Is Connected    CS1    CS2
    Advance Clock    60 s
    Backend Should See    CS3    not connected
    Setting Is Saved And Read Back    CS1    ${NETMASK}    255.255.255.0    Network > LAN
    Every Point Is Connected    CS1    CS2    CS3    within=4 minutes

The Netmask Says Who Is Reached Without A Gateway
    [Documentation]    With 255.255.255.255 the gateway itself is in another network.
    [Tags]    MEN-GW-028
    [Setup]    Start Site    ${SITE}    ${CS2}.${NETMASK}=255.255.255.255    ${CS3}.${NETMASK}=255.255.255.254
    Every Point Is Connected    CS1
    Advance Clock    60 s
    FOR    ${point}    IN    CS2    CS3
        Page Should Show    ${point}    Connection Type    gateway 192.168.0.2 is in another network
        Backend Should See    ${point}    not connected
        Setting Is Saved And Read Back    ${point}    ${NETMASK}    255.255.255.0    Network > LAN
        Backend Should See    ${point}    connected    within=60 s
    END

Each Station Answers At The Static Address That Was Entered
    [Documentation]    Chapter 4.3 and its example: the address of a station is entered in it. Without one nobody finds
    ...    it in its LAN. The farm moves no device: its form and the site check take no address but the site's.
    [Tags]    MEN-GW-004    MEN-GW-023    MEN-GW-027    MEN-GW-031    MEN-GW-032    MEN-GW-033
    [Setup]    Start Without Static Addresses
    Every Point Is Connected    CS1    CS2    CS3
    Site Check Should Say    ${SITE}    nobody finds it in its LAN    ${CS2}.${STATIC_IP}=null
    Site Check Should Say    ${SITE}    '192.168.0.9', but the site has CS2 at 192.168.0.3
    ...    ${CS2}.${STATIC_IP}=192.168.0.9
    Static Address Is Entered    CS2    192.168.0.3    192.168.0.2
    Static Address Is Entered    CS3    192.168.0.4    192.168.0.2
    Every Point Is Connected    CS1    CS2    CS3
    Static Address Is Entered    CS1    192.168.0.2
    Every Point Is Connected    CS1    CS2    CS3    within=4 minutes

A Further Station Is Set Up Like The Others
    [Documentation]    CS4 gets the next consecutive address.
    [Tags]    MEN-GW-034
    [Setup]    Start With Further Stations    1    devices.CS4.parameters.${LAN}=Hide
    ...    devices.CS4.parameters.${ETHERNET}=DHCP server    devices.CS4.parameters.${STATIC_IP}=null
    ...    devices.CS4.parameters.${GATEWAY}=null
    Every Point Is Connected    CS1    CS2    CS3
    Static Address Is Entered    CS4    192.168.0.5    192.168.0.2
    Every Point Is Connected    CS1    CS2    CS3    CS4
    Page Should Show    backend    CS4    connected from 10.64.0.2

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


*** Keywords ***
Show Opens Parameters
    [Documentation]    Hidden they are not offered.
    [Arguments]    ${point}    ${switch}    ${menu}    @{parameters}
    Configure    ${point}    ${switch}    Hide
    Parameter Should Not Be Available    ${point}    @{parameters}
    Setting Is Saved And Read Back    ${point}    ${switch}    Show    ${menu}
    Parameter Should Be Available    ${point}    @{parameters}    menu=${menu}

Edit Is Lost Without Save
    [Documentation]    The form has another value until the restart.
    [Arguments]    ${point}    ${parameter}    ${saved}    ${edited}
    Set Parameter    ${point}    ${parameter}    ${edited}
    Restart Device    ${point}
    Get Parameter    ${point}    ${parameter}    ==    ${saved}

Static Address Is Entered
    [Documentation]    A row of the example in chapter 4.3, in a station that had a dynamic one. With mode Static and no
    ...    address it answers nowhere.
    [Arguments]    ${point}    ${address}    ${next_hop}=${EMPTY}
    Configure    ${point}    ${LAN}    Show
    Setting Is Saved And Read Back    ${point}    ${ETHERNET}    Static    Network > LAN
    Run Keyword And Expect Error    *${point}*    Get Register    ${point}    OCPP_CP_STATUS
    Parameter Should Refuse    ${point}    ${STATIC_IP}    192.168.0.9
    Setting Is Saved And Read Back    ${point}    ${STATIC_IP}    ${address}    Network > LAN
    Setting Is Saved And Read Back    ${point}    ${NETMASK}    255.255.255.0    Network > LAN    another=255.255.0.0
    Get Parameter    ${point}    ${GATEWAY}    ==    ${EMPTY}
    IF    $next_hop
        Setting Is Saved And Read Back    ${point}    ${GATEWAY}    ${next_hop}    Network > LAN
    END
    Get Register    ${point}    OCPP_CP_STATUS    ==    0

Start Without Static Addresses
    [Documentation]    CS1 is the DHCP server of the others, and nothing static is entered anywhere.
    VAR    &{fields}    ${CS1}.${GATEWAY}=null
    FOR    ${name}    IN    CS1    CS2    CS3
        VAR    ${parameters}    devices.${name}.parameters
        FOR    ${unset}    IN    ${LAN}    ${ETHERNET}    ${STATIC_IP}    ${GATEWAY}
            Set To Dictionary    ${fields}    ${parameters}.${unset}=null
        END
    END
    Start Site    ${SITE}    &{fields}    ${CS1}.${ETHERNET}=DHCP server

Start With Dynamic Addresses
    [Documentation]    CS1 in this mode, the others DHCP clients without a gateway of their own.
    [Arguments]    ${mode}
    VAR    ${client}    Auto (DHCP client)
    Start Site    ${SITE}    ${CS1}.${ETHERNET}=${mode}    ${CS2}.${ETHERNET}=${client}    ${CS3}.${ETHERNET}=${client}
    ...    ${CS2}.${GATEWAY}=null    ${CS3}.${GATEWAY}=null
