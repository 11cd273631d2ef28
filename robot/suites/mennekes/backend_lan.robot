*** Settings ***
Documentation       Backend over LAN and an external router: application note AMTRON Professional, chapter 5.
Library             DateTime
Resource            backend.resource
Test Setup          Start Site    mennekes/backend-lan
Test Tags           mennekes    backend    needs:backend-api


*** Variables ***
${CP1}              devices.CP1.parameters
${CP2}              devices.CP2.parameters
${CP3}              devices.CP3.parameters
${BACKEND}          backends.backend.parameters
${SECRET}           secret-1


*** Test Cases ***
Both Kinds Of Address Reach The Backend And Without The Router Nobody Does
    [Documentation]    CP3 has a static address, the others are DHCP clients. Load management goes on without a backend.
    ...    The external router is not emulated: the backend stands in the LAN for what is behind it, addresses of DHCP
    ...    clients are the site's, and without its link nobody reaches it. A gateway by DHCP is MEN-GW-004.
    [Tags]    MEN-OCPP-008
    [Setup]    Start With Load Management    ${CP3}.${LAN}=Show    ${CP3}.${ETHERNET}=Static
    Both Kinds Of Address Reach The Backend
    Vehicle Charges With Card    CP2    current=32 A
    Vehicle Charges With Card    CP3    current=32 A
    Cut Link    backend
    Points Notice The Loss    CP1    CP2    CP3
    Signalled Current    CP2    settles at    20 A    within=65 s
    Unplug Vehicle    CP3
    Signalled Current    CP2    settles at    32 A    within=65 s
    Restore Link    backend
    Every Point Is Connected    CP1    CP2    CP3    within=4 minutes

Settings Stand In Two Menus
    [Tags]    MEN-OCPP-009
    FOR    ${point}    IN    CP1    CP2    CP3
        Parameter Should Be Available    ${point}    ${TYPE}    menu=Backend > Connection
        Parameter Should Be Available    ${point}    ${MODE}    ${URL}    ${PASSWORD}    menu=Backend > OCPP
    END

OCPP Leaves Through The LAN With Connection Type Ethernet
    [Tags]    MEN-OCPP-010
    [Setup]    Start Site    mennekes/backend-lan    ${CP1}.${TYPE}=No backend
    Advance Clock    60 s
    Backend Should See    CP2    connected
    Run Keyword And Expect Error    *set up for no backend*    Backend Should See    CP1    connected
    Setting Is Saved And Read Back    CP1    ${TYPE}    Ethernet    Backend > Connection
    Backend Should See    CP1    connected    within=60 s
    Page Should Show    CP1    Connection Type    Ethernet
    Page Should Show    backend    CP1    connected from 192.168.0.11

The JSON Mode Connects And Other Modes Do Not
    [Tags]    MEN-OCPP-011
    [Setup]    Start Site    mennekes/backend-lan    ${CP1}.${MODE}=OCPP-S
    Advance Clock    60 s
    Backend Should See    CP1    not connected
    Setting Is Saved And Read Back    CP1    ${MODE}    OCPP-J 1.6    Backend > OCPP
    Backend Should See    CP1    connected    within=60 s

The URL Is Entered In Each Station
    [Tags]    MEN-OCPP-012
    [Setup]    Start Site    mennekes/backend-lan    ${CP2}.${URL}=null    ${CP3}.${URL}=null
    Every Point Is Connected    CP1
    FOR    ${point}    IN    CP2    CP3
        Setting Is Saved And Read Back    ${point}    ${URL}    ws://192.168.0.200:8080/ocpp    Backend > OCPP
        Backend Should See    ${point}    connected    within=60 s
    END

A URL That Can Be None Is Said
    [Setup]    Start Site    mennekes/backend-lan    ${CP1}.${URL}=ws://[no/ocpp
    Page Should Show    CP1    Backend    is no address of a central system    within=10 s
    Every Point Is Connected    CP2    CP3

A Password Opens A Backend That Wants One
    [Documentation]    The user is the charge point's identity. A wrong password gets 401, and the station tries again.
    [Tags]    MEN-OCPP-013
    [Setup]    Start Site    mennekes/backend-lan    ${BACKEND}.Security profile=1
    ...    ${BACKEND}.Passwords=CP1=${SECRET}, CP2=${SECRET}    ${CP1}.${PASSWORD}=${SECRET}    ${CP2}.${PASSWORD}=wrong
    Every Point Is Connected    CP1
    Page Should Show    CP2    Backend    HTTP 401    within=60 s
    Page Should Show    CP3    Backend    HTTP 401    within=60 s
    Backend Should See    CP2    not connected
    Setting Is Saved And Read Back    CP2    ${PASSWORD}    ${SECRET}    Backend > OCPP
    Backend Should See    CP2    connected    within=60 s

Without A Password None Is Sent
    [Documentation]    A password that was taken out is used no more.
    [Tags]    MEN-OCPP-013
    [Setup]    Start Site    mennekes/backend-lan    ${BACKEND}.Security profile=1
    ...    ${BACKEND}.Passwords=CP1=${SECRET}    ${CP1}.${PASSWORD}=${SECRET}
    Every Point Is Connected    CP1
    Setting Is Saved And Read Back    CP1    ${PASSWORD}    ${EMPTY}    Backend > OCPP
    Page Should Show    CP1    Backend    HTTP 401    within=60 s
    Backend Should See    CP1    not connected

A Site Check Recommends Encryption Over A Public Network
    [Tags]    MEN-OCPP-014
    Site Check Should Say    mennekes/backend-lan    readably, and without a password    public_networks=[lan]
    Site Check Should Accept    mennekes/backend-lan
    Site Check Should Accept    mennekes/backend-lan    public_networks=[lan]
    ...    ${CP1}.${URL}=wss://192.168.0.200:8080/ocpp    ${CP2}.${URL}=wss://192.168.0.200:8080/ocpp
    ...    ${CP3}.${URL}=wss://192.168.0.200:8080/ocpp
    Site Check Should Accept    mennekes/backend-gateway    public_networks=[lan]

A Password Does Not Encrypt
    [Tags]    MEN-OCPP-015
    Site Check Should Say    mennekes/backend-lan    CP1 sends its password and all data readably
    ...    public_networks=[lan]    ${CP1}.${PASSWORD}=${SECRET}

The Backend Says What A Station Has To Be Set Up With
    [Tags]    MEN-OCPP-016
    [Setup]    Start Site    mennekes/backend-lan    ${BACKEND}.Charge points=CP1, CP2
    ...    ${BACKEND}.Passwords=CP1=${SECRET}
    Device Log Should Contain    backend    Charge point CP1: ws://192.168.0.200:8080/ocpp/CP1, password ${SECRET}
    Device Log Should Contain    backend    Charge point CP2: ws://192.168.0.200:8080/ocpp/CP2, no password
    Every Point Is Connected    CP1    CP2
    Page Should Show    CP3    Backend    HTTP 404    within=60 s

The Backend Sets The Clock For The Profile Of The Day
    [Documentation]    Two hours ahead the row of 8 o'clock holds at 6, until a heartbeat brings the right time.
    [Tags]    MEN-OCPP-017
    [Setup]    Start With Load Management    ${CP1}.Maximum Current Scheduler=6 20/20/20; 7 10/10/10; 8 16/16/16
    Every Point Is Connected    CP1
    Vehicle Charges With Card    CP1    current=32 A
    Plant Fault    CP1    clock:7200
    Page Should Show    CP1    System Time    2026-06-01 08:
    Signalled Current    CP1    settles at    16 A    within=65 s
    Backend Should Have Received    CP1    Heartbeat    within=6 minutes
    System Time Is Right    CP1
    Signalled Current    CP1    settles at    20 A    within=65 s
    Row Of The Next Hour Holds From Then On    CP1    now=20 A    then=10 A


*** Keywords ***
Both Kinds Of Address Reach The Backend
    [Documentation]    CP3 has mode Static and no address at first.
    Every Point Is Connected    CP1    CP2
    Advance Clock    60 s
    Backend Should See    CP3    not connected
    Setting Is Saved And Read Back    CP3    ${STATIC_IP}    192.168.0.13    Network > LAN
    Every Point Is Connected    CP1    CP2    CP3
    Page Should Show    backend    CP2    connected from 192.168.0.12
    Page Should Show    backend    CP3    connected from 192.168.0.13

System Time Is Right
    [Documentation]    Within 2 s; the site begins at 6 o'clock (UTC).
    [Arguments]    ${point}
    ${farm_time}    Get Farm Time
    ${now}    Add Time To Date    2026-06-01 06:00:00    ${farm_time}
    ${shown}    Get Page Field    ${point}    System Time
    ${apart}    Subtract Date From Date    ${shown}    ${now}
    Should Be True    -2 <= ${apart} <= 2

Row Of The Next Hour Holds From Then On
    [Documentation]    Until just before 7 o'clock the row of 6 o'clock holds.
    [Arguments]    ${point}    ${now}    ${then}
    ${farm_time}    Get Farm Time
    Advance Clock    ${3595 - ${farm_time}} s
    Signalled Current    ${point}    is    ${now}
    Signalled Current    ${point}    settles at    ${then}    within=65 s

Start With Load Management
    [Documentation]    CP1 is the master of the three; together they may take 40 A.
    [Arguments]    &{fields}
    VAR    ${slave}    DLM Slave (Master-Auto-Discovery)
    VAR    ${limit}    Sub-Distribution Limit (L1/L2/L3) [A]
    Start Site    mennekes/backend-lan    ${CP1}.DLM Master/Slave=DLM Master (With internal DLM-Slave)
    ...    ${CP1}.EVSE ${limit}=40/40/40    ${CP1}.Operator EVSE ${limit}=40/40/40
    ...    ${CP2}.DLM Master/Slave=${slave}    ${CP3}.DLM Master/Slave=${slave}    &{fields}
