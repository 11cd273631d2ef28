*** Settings ***
Documentation       Energy meters that do not answer or answer nonsense: MENNEKES application note AMTRON Professional,
...                 6.3, 'External Load Fallback', and what the note leaves open.
Resource            energy_meter.resource
Test Setup          Start Site    mennekes/meter-excluding
Test Tags           mennekes    dlm    meter    fault


*** Test Cases ***
Without Meter Values Nothing Is Left When The Fallback Is 9999 A
    [Tags]    MEN-MTR-056
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Plant Fault    M2    closed_port
    Signalled Current Of Each Point    settles at    0 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}
    Signalled Current Of Each Point    stays at    0 A    within=9 minutes
    Plant Fault    M2    none
    Signalled Current Of Each Point    settles at    30 A
    Page Should Not Show    CP1    Error(s)    ${METER_LOST}

Without Meter Values The Fallback Is Assumed
    [Tags]    MEN-MTR-057
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    50/50/50
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Plant Fault    M2    closed_port
    Signalled Current Of Each Point    settles at    25 A
    Feeder Current    supply    settles at    90 A

The Fallback Decides, Not The Real Load
    [Tags]    MEN-MTR-058
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    70/70/70
    External Load Is    20 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    32 A
    Cut Link    M2
    Signalled Current Of Each Point    settles at    15 A
    Restore Link    M2
    Signalled Current Of Each Point    settles at    32 A

A Meter That Stops Communicating Is Reported
    [Tags]    MEN-MTR-059
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    50/50/50
    [Template]    Fault Is Reported And Goes
    exceptions
    timeouts
    closed_port

A Meter That Is Not A Number On One Phase Is Lost On All
    [Tags]    MEN-MTR-060
    [Setup]    Start Site With    mennekes/meter-excluding    ${FALLBACK}    50/60/70
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Plant Fault    M2    nan:L2
    Available Current Should Be    50/40/30
    Signalled Current Of Each Point    settles at    15 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}

A Frozen Meter Is Not Noticed, And The Plant Reports The Overload
    [Documentation]    No detection is demanded; the finding belongs to the meter's fault.
    [Tags]    MEN-MTR-060
    External Load Is    40 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Plant Fault    M2    frozen
    Expect Finding    limit
    Set Load    house    90 A
    Advance Clock    10 minutes
    Meter Current    M2    is    40 A
    Finding Should Be Recorded    limit    supply

A Meter Does Not Answer On Port 80
    [Documentation]    The note prints 80, the port of web pages; the meter's own menu says 502.
    [Tags]    MEN-MTR-065
    [Setup]    Start Site With    mennekes/meter-excluding    ${METER_PORT}    80
    Set Load    house    40/30/20 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}    within=65 s
    Page Should Show    CP1    Second Meter    not shown
    Configure    CP1    ${METER_PORT}    502
    Page Should Show    CP1    Second Meter    40/30/20 A    within=65 s
    Page Should Show    CP1    Error(s)    no errors


*** Keywords ***
Fault Is Reported And Goes
    [Documentation]    The error comes and goes within 65 s each; meanwhile the fallback of 50 A counts instead of 40 A.
    [Arguments]    ${kind}
    Page Should Show    CP1    Error(s)    no errors
    External Load Is    40 A
    Available Current Should Be    60/60/60
    Plant Fault    M2    ${kind}
    Page Should Show    CP1    Error(s)    ${METER_LOST}    within=65 s
    Available Current Should Be    50/50/50
    Plant Fault    M2    none
    Page Should Show    CP1    Error(s)    no errors    within=65 s
    Available Current Should Be    60/60/60
