*** Settings ***
Documentation       The table 'PV scenarios', row by row: Alfen smart charging implementation guide, 5.1.4.3.
...
...                 Currents of one phase in A; negative is returned. *Printed* is the guide's smart meter value, a
...                 star marks a value that the firmware takes as negative. *Meter* is house + EV - PV, *without EV*
...                 is what a meter shows that does not measure the vehicle. *Left* is what the station may draw at
...                 a maximum smart meter current of 15 A: less than its connector's 32 A in every row. The table is of
...                 one phase: on L2 the house draws 3.4 A, on L3 the PV feeds in 5.7 A, in every row.
Resource            alb.resource
Test Setup          Start Site    alfen/four-houses
Test Template       Row
Test Tags           alfen    alb    pv


*** Variables ***
@{COLUMNS}          pv    ev    house    printed    meter    returned    without_ev    left    note


*** Test Cases ***    PV    EV    HOUSE    PRINTED    METER    RETURNED    WITHOUT EV    LEFT    NOTE
No PV No Charging No House Current
    [Tags]    ALF-PV-001
    0    0    0    0    0    0    0    15    as printed

House Current
    [Tags]    ALF-PV-002
    0    0    2    2    2    0    2    13    as printed

Charging
    [Tags]    ALF-PV-003
    0    12    0    12    12    0    0    15    as printed

PV Current
    [Tags]    ALF-PV-004
    12    0    0    12*    -12    -12    -12    27    as printed

PV Current And House Current Are Equal
    [Tags]    ALF-PV-005
    12    0    12    0    0    0    0    15    as printed

House Current Below PV Current
    [Tags]    ALF-PV-006    ALF-PV-012
    12    0    2    12*    -10    -10    -10    25    erratum: 10*, the row's own returned current and arithmetic

Charging Current Below PV Current
    [Documentation]    The guide's title, PV current + Charging current = Return current, holds with the signs of
    ...    consumption: -12 + 6 = -6.
    [Tags]    ALF-PV-007    ALF-PV-013
    12    6    0    6*    -6    -6    -12    27    as printed

PV Current And Charging Current Are Equal
    [Tags]    ALF-PV-008
    12    12    0    0    0    0    -12    27    as printed

House Current And Charging Current Below PV Current
    [Documentation]    The table prints no unit: these are amperes, the meter's power is -0.92 kW.
    [Tags]    ALF-PV-009    ALF-PV-023
    12    6    2    4*    -4    -4    -10    25    as printed

House Current And Charging Current Equal PV Current
    [Tags]    ALF-PV-010
    12    6    6    0    0    0    -6    21    as printed

House Current And Charging Current Above PV Current
    [Tags]    ALF-PV-011
    12    16    2    6    6    0    -10    25    as printed


*** Keywords ***
Row
    [Documentation]    What the meters say, what the stations make of it, and what they do at 15 A.
    [Arguments]    @{cells}
    ${row} =    Evaluate    robot.utils.DotDict(zip($COLUMNS, $cells, strict=True))
    Printed And Arithmetic Value Should Be    ${row}
    The Row Is Applied    ${row}
    Meters Should Say    ${row.meter}    ${row.without_ev}
    Stations Should Read    ${row.meter}    ${row.without_ev}
    Every Station Has    ${MAXIMUM}    15
    Every Vehicle Takes All It Can    ${row}
    Every Vehicle Gets    ${row.left} A    ${row.left}/0/0 A
    Every House Draws    15/3.4/-5.7 A

Printed And Arithmetic Value Should Be
    [Documentation]    The same, unless the row says that they are not.
    [Arguments]    ${row}
    ${printed} =    Evaluate    -int($row.printed[:-1]) if $row.printed.endswith('*') else int($row.printed)
    Should Be Equal As Integers    ${row.meter}    ${{int($row.house) + int($row.ev) - int($row.pv)}}
    Should Be Equal As Integers    ${row.returned}    ${{min(0, int($row.meter))}}
    Should Be Equal    ${{$printed == int($row.meter)}}    ${{$row.note == 'as printed'}}

The Row Is Applied
    [Documentation]    For long enough that every meter has spoken; probing allows 14 A, so more takes a minute more.
    [Arguments]    ${row}
    Every House Has    ${row.house}/3.4/0 A    ${row.pv}/0/5.7 A
    IF    ${row.ev}    Every Vehicle Comes    phases=1    asks_for=${row.ev} A
    IF    ${row.ev} > 14    Advance Clock    1 minute
    Advance Clock    25 s

Every Vehicle Takes All It Can
    [Documentation]    One comes where none was.
    [Arguments]    ${row}
    IF    not ${row.ev}    Every Vehicle Comes    phases=1
    FOR    ${number}    IN    @{HOUSES}
        Vehicle Takes    CP${number}    None
    END
    Advance Clock    85 s

Meters Should Say
    [Documentation]    Two that measure the vehicle, two that do not.
    [Arguments]    ${including}    ${excluding}
    P1 Meter Should Say    P1    ${including}
    P1 Meter Should Say    P2    ${excluding}
    Modbus Meter Should Say    M3    ${including}
    Modbus Meter Should Say    M4    ${excluding}

Stations Should Read
    [Documentation]    The signed current of L1 in the tab Live monitoring.
    [Arguments]    ${including}    ${excluding}
    FOR    ${station}    ${current}    IN    CP1    ${including}    CP2    ${excluding}    CP3    ${including}
    ...    CP4    ${excluding}
        Get Page Field    ${station}    ${READINGS}    validate    abs(float(value.split('/')[0]) - ${current}) <= 0.5
    END

P1 Meter Should Say
    [Documentation]    Currents without a sign on the wire; the direction is in import and export power.
    [Arguments]    ${meter}    ${current}
    Get P1 Value    ${meter}    1-0:31.7.0    validate    abs(value - abs(${current})) <= 0.5
    Get P1 Value    ${meter}    1-0:21.7.0    validate    abs(value - max(0, ${current}) * 0.23) <= 0.12
    Get P1 Value    ${meter}    1-0:22.7.0    validate    abs(value - max(0, -${current}) * 0.23) <= 0.12
    Meter Current    ${meter}    is    ${current}/3.4/-5.7 A

Modbus Meter Should Say
    [Documentation]    Currents without a sign here too; the active power is signed.
    [Arguments]    ${meter}    ${current}
    Get Register    ${meter}    I1    validate    abs(value - abs(${current})) <= 0.5
    Get Register    ${meter}    P1    validate    abs(value - ${current} * 230) <= 120
    Meter Current    ${meter}    is    ${current}/3.4/-5.7 A
