*** Settings ***
Documentation       A meter as the manual has it, and what the charging point makes of it. Nothing here knows whose it is.
Resource            hil/keywords/farm.resource
Test Setup          Start Site    mennekes/standalone-excluding


*** Test Cases ***
The Meter Shows Each Phase
    Set Load    house    20/5/0 A
    Meter Current    M2    settles at    20/5/0 A    within=10 s

The Vehicle Gets What The House Leaves
    Set Load    house    20 A
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Feeder Current    Q1    settles at    15 A    within=65 s

A Test That Needs A Display Is Skipped
    [Tags]    needs:display
    Get Display Text    M2    contains    A
