*** Settings ***
Documentation       What a person before a device sees: the example of each of these keywords, run as it is documented.
...
...                 No device of this farm has a display or writes a log by itself yet, so display, LED and log are
...                 moved here by hand, as the device would: the tests show that the words see what the front shows.
Resource            hil/keywords/farm.resource
Test Tags           keywords


*** Test Cases ***
Fields Of A Page
    Start Site    mennekes/car-park
    ${errors} =    Get Page Field    CP1    Error(s)
    Should Be Equal    ${errors}    no errors
    Get Page Field    CP1    Error(s)    ==    no errors
    Get Page Field    CP1    Signalled current    <=    32 A

The Display
    Start Site    mennekes/car-park
    Get Display Text    CP1    ==    ${EMPTY}
    Front Does    CP1    show    Charging 16 A
    ${text} =    Get Display Text    CP1
    Should Be Equal    ${text}    Charging 16 A
    Get Display Text    CP1    contains    Charging
    Get Display Text    CP2    ==    ${EMPTY}

The LEDs
    Start Site    mennekes/car-park
    Run Keyword And Expect Error    *CP1 has no LED 'Ready' that was ever lit. It has: none.    Get LED    CP1    Ready
    Front Does    CP1    light    Ready    green steady
    ${light} =    Get LED    CP1    Ready
    Should Be Equal    ${light}    green steady
    Get LED    CP1    Ready    ==    green steady

The Log
    [Setup]    Start Site    mennekes/car-park
    Front Does    CP1    log    started
    Front Does    CP1    log    vehicle connected    after_s=60
    Run Keyword And Expect Error    Log of CP1 should contain 'vehicle connected' within 30 s: *started' at 30 s *
    ...    Device Log Should Contain    CP1    vehicle connected    within=30 s
    Device Log Should Contain    CP1    vehicle connected    within=65 s
    Get Farm Time    ==    1 minute
    ${log} =    Get Device Log    CP1
    Should Be Equal    ${log}    2026-06-01T06:00:00.000Z started\n2026-06-01T06:01:00.000Z vehicle connected
    Get Device Log    CP1    contains    vehicle connected
    Get Device Log    CP1    matches    (?m)Z vehicle connected$


*** Keywords ***
Front Does
    [Documentation]    A device's display, LED or log changes, after some seconds of farm time.
    [Arguments]    ${device}    ${what}    @{words}    ${after_s}=0
    ${farm} =    Get Library Instance    hil.keywords.Farm.Farm
    VAR    ${session} =    ${farm.context.session}
    ${change} =    Evaluate    getattr($session.farm.device($device).front, $what)
    Evaluate    $session.do(functools.partial($session.farm.loop.call_later, ${after_s}, $change, *$words))
