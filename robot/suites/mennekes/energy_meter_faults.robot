*** Settings ***
Documentation       Energy meters that do not answer or answer nonsense: MENNEKES application note AMTRON Professional,
...                 6.3, 'External Load Fallback', and what the note leaves open.
...
...                 The fallback is an external load: wherever the meter sits, what the points draw is not in it.
Resource            energy_meter.resource
Test Setup          Start Site    mennekes/meter-excluding
Test Tags           mennekes    dlm    meter    fault


*** Test Cases ***
Without Meter Values Nothing Is Left When The Fallback Is 9999 A
    [Tags]    MEN-MTR-056
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-excluding    9999/9999/9999    40/30/20 A
    Nothing Is Left Until The Meter Is Back

Nothing Is Left When The Meter At The Connection Has No Values
    [Tags]    MEN-MTR-056
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-including    9999/9999/9999    40/30/20 A
    Nothing Is Left Until The Meter Is Back

Without Meter Values The Fallback Is Assumed
    [Tags]    MEN-MTR-057
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-excluding    50/45/40    40/30/20 A
    The Fallback Of 50 A Is Assumed

Without Values Of The Meter At The Connection The Fallback Is Assumed
    [Tags]    MEN-MTR-057
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-including    50/45/40    40/30/20 A
    The Fallback Of 50 A Is Assumed

The Fallback Decides, Not The Real Load
    [Tags]    MEN-MTR-058
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-excluding    70/60/50    20/15/10 A    each=32 A
    The Fallback Of 70 A Decides

The Fallback Decides, Not What The Meter At The Connection Would Show
    [Tags]    MEN-MTR-058
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-including    70/60/50    20/15/10 A    each=32 A
    The Fallback Of 70 A Decides

A Meter That Stops Communicating Is Reported
    [Tags]    MEN-MTR-059
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-excluding    50/45/40    40/30/20 A
    [Template]    Fault Is Reported And Goes
    exceptions
    timeouts
    closed_port

A Meter At The Connection That Stops Communicating Is Reported
    [Tags]    MEN-MTR-059
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-including    50/45/40    40/30/20 A
    [Template]    Fault Is Reported And Goes
    exceptions
    timeouts
    closed_port

A Meter That Is Not A Number On One Phase Is Lost On All
    [Tags]    MEN-MTR-060
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-excluding    50/45/40    40/30/20 A
    [Template]    Fault Is Reported And Goes
    nan:L1
    nan:L2
    nan:L3

A Meter At The Connection That Is Not A Number On One Phase Is Lost On All
    [Tags]    MEN-MTR-060
    [Setup]    Start With Fallback And Vehicles    mennekes/meter-including    50/45/40    40/30/20 A
    [Template]    Fault Is Reported And Goes
    nan:L1
    nan:L2
    nan:L3

A Frozen Meter Is Not Noticed, And The Plant Reports The Overload
    [Documentation]    No detection is demanded; the finding belongs to the meter's fault.
    [Tags]    MEN-MTR-060
    External Load Is    40/30/20 A
    Vehicles Come To    CP1    CP2
    Signalled Current Of Each Point    settles at    30 A
    Plant Fault    M2    frozen
    Expect Finding    limit
    Set Load    house    90/80/70 A
    Advance Clock    10 minutes
    Meter Current    M2    is    40/30/20 A
    Page Should Show    CP1    Error(s)    no errors
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
Nothing Is Left Until The Meter Is Back
    [Documentation]    Ten minutes without values, and 30 A for each of the two vehicles before and after.
    Plant Fault    M2    closed_port
    Signalled Current Of Each Point    settles at    0 A
    Page Should Show    CP1    Error(s)    ${METER_LOST}
    Available Current Should Be    0/0/0
    Signalled Current Of Each Point    stays at    0 A    within=9 minutes
    Plant Fault    M2    none
    Signalled Current Of Each Point    settles at    30 A
    Page Should Not Show    CP1    Error(s)    ${METER_LOST}

The Fallback Of 50 A Is Assumed
    [Documentation]    50/45/40 A instead of 40/30/20 A, for two vehicles.
    Plant Fault    M2    closed_port
    Signalled Current Of Each Point    settles at    25 A
    Available Current Should Be    50/55/60
    Feeder Current    supply    settles at    90/80/70 A
    Signalled Current Of Each Point    stays at    25 A    within=5 minutes

The Fallback Of 70 A Decides
    [Documentation]    70/60/50 A although the house draws 20/15/10 A, as long as the meter's link is cut.
    Cut Link    M2
    Signalled Current Of Each Point    settles at    15 A
    Available Current Should Be    30/40/50
    Signalled Current Of Each Point    stays at    15 A    within=5 minutes
    Restore Link    M2
    Signalled Current Of Each Point    settles at    32 A
