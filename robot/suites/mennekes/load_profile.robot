*** Settings ***
Documentation       The car park with a load profile for 24 hours: MENNEKES application note AMTRON
...                 Professional, 6.1 and 6.6.
...
...                 Chapter 6.6 requires a connection to a backend system, for the time of the master.
Resource            dlm.resource
Test Tags           MEN-SUB-010    mennekes    dlm


*** Variables ***
${CAR_PARK}         mennekes/car-park


*** Test Cases ***
A Load Profile Lowers The Current At Noon
    [Documentation]    Chapter 6.6 requires a backend, which sets the master's clock: the rows hold from their hour in
    ...    UTC. The test begins at 11:45 with a clock that shows 12:00, until the backend's answer to a heartbeat.
    [Tags]    needs:backend-api
    [Setup]    Start With Load Profile    0 64/64/64; 12 32/32/32    epoch=2026-06-01T11:45:00Z
    Plant Fault    CP1    clock:900
    Four Vehicles Charge With    8 A
    Backend Should Have Received    CP1    Heartbeat    within=6 minutes
    Advance Clock To    600    # 11:55 UTC
    Signalled Current Of Each Point    stays at    16 A    within=295 s
    Feeder Current    F3    is    64 A
    Advance Clock To    900    # 12:00 UTC
    Signalled Current Of Each Point    settles at    8 A
    Signalled Current Of Each Point    stays at    8 A    within=235 s
    Feeder Current    F3    is    32 A

A Load Profile Only Lowers, On Each Phase
    [Documentation]    Chapter 6.6: load management does not exceed the limits that are set. Before noon the profile
    ...    would allow more than these; from noon on, its L2 is the lowest of all.
    [Tags]    needs:backend-api
    [Setup]    Start With Load Profile    0 90/90/90; 12 80/34/72    epoch=2026-06-01T11:55:00Z
    ...    devices.CP1.parameters.${OPERATOR}=60/64/68
    Four Vehicles Charge With    15 A
    Feeder Current    F3    is    60 A
    Advance Clock To    300    # 12:00 UTC
    Signalled Current Of Each Point    settles at    8 A
    Unplug Vehicle    CP3
    Signalled Current Of Each Point    settles at    11 A    11 A    0 A    11 A
    Feeder Current    F3    should never exceed    60 A

A Load Profile Without A Backend Has No Time
    [Documentation]    Chapter 6.6: connected to a backend system, for time synchronisation.
    [Setup]    No Operation
    Site Check Should Say    ${CAR_PARK}    CP1 has a load profile but no backend that sets its clock.
    ...    devices.CP1.parameters.${SCHEDULE}=0 64/64/64; 12 32/32/32


*** Keywords ***
Start With Load Profile
    [Documentation]    The car park with a backend for the master, which needs no card, and a load profile.
    [Arguments]    ${rows}    &{fields}
    Start Site    ${CAR_PARK}    &{fields}    devices.CP1.parameters.${SCHEDULE}=${rows}
    ...    backends.backend={type: backend, address: 192.168.0.200, parameters: {API token: farm}}
    ...    devices.CP1.parameters.Connection Type=Ethernet    devices.CP1.parameters.Free Charging=On
    ...    devices.CP1.parameters.WebSockets JSON OCPP URL of the Backend=ws://192.168.0.200:8080/ocpp
    Backend Should See    CP1    connected    within=60 s

Advance Clock To
    [Documentation]    Let farm time pass until so many seconds after the start of the test.
    [Arguments]    ${seconds}
    ${now} =    Get Farm Time
    ${left} =    Evaluate    ${seconds} - ${now}
    Advance Clock    ${left}
