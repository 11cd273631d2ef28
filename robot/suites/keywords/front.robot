*** Settings ***
Documentation       What a person before a device sees: the example of each of these keywords, run as it is documented.
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
    Start Site    alfen/alb-p1
    Get Display Text    CP1    ==    Available
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Advance Clock    2 minutes
    ${text} =    Get Display Text    CP1
    Should End With    ${text}    A of 32.0 A
    Get Display Text    CP1    contains    of 32.0 A

The LEDs
    Start Site    mennekes/car-park
    Run Keyword And Expect Error    *CP1 has no LED 'Ready' that was ever lit. It has: LED info field.
    ...    Get LED    CP1    Ready
    Get LED    CP1    LED info field    ==    Standby: blue steady
    Plug In Vehicle    CP1
    Advance Clock    1 minute
    ${light} =    Get LED    CP1    LED info field
    Should Be Equal    ${light}    Charging: green steady
    Get LED    CP1    LED info field    ==    Charging: green steady

The Log
    [Setup]    Start Site    alfen/alb-p1
    ${log} =    Get Device Log    CP1
    Should Contain    ${log}    Booted, firmware
    Get Device Log    CP1    contains    Booted, firmware
    Get Device Log    CP1    matches    (?m)Z Booted, firmware .*$
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Advance Clock    2 minutes
    Cut Link    P1    CP1
    Run Keyword And Expect Error    Log of CP1 should contain 'Enter ActiveLB safeMode' within 5 s: *
    ...    Device Log Should Contain    CP1    Enter ActiveLB safeMode    within=5 s
    Device Log Should Contain    CP1    Enter ActiveLB safeMode    within=90 s
