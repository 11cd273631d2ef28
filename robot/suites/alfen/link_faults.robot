*** Settings ***
Documentation       A Modbus TCP meter behind a bad network: the safe current comes when the meter is silent for a
...                 minute, and not before. Alfen smart charging implementation guide, 5.3.3.1 step 9, 9.2.2.
Resource            alb.resource
Test Setup          Start Charging At 25 A
Test Tags           alfen    alb    fault


*** Test Cases ***
A Connection That Is Reset Does Not Bring The Safe Current
    [Tags]    ALF-ALB-032
    Reset Link    CP1    M1
    Signalled Current    CP1    stays at    25 A    within=3 minutes
    The House Still Counts

A Link That Loses Every Fifth Packet Does Not Bring The Safe Current
    Drop    CP1    M1    loss=20 %
    Signalled Current    CP1    stays at    25 A    within=5 minutes
    The House Still Counts

A Slow Meter Is Waited For
    [Tags]    ALF-ALB-032
    Delay Link    M1    delay=5 s    jitter=1 s
    Signalled Current    CP1    stays at    25 A    within=5 minutes
    The House Still Counts

A Meter That Takes More Than A Minute Brings The Safe Current
    [Tags]    ALF-ALB-032
    Delay Link    M1    delay=31 s
    Signalled Current    CP1    settles at    7 A    within=2 minutes
    Restore Link    M1
    Signalled Current    CP1    settles at    25 A    within=2 minutes

A Killed Meter Brings The Safe Current, And Goes With It
    [Tags]    ALF-ALB-032
    Kill    M1
    Signalled Current    CP1    settles at    7 A    within=90 s
    Restart    M1
    Signalled Current    CP1    settles at    25 A    within=60 s

A Station That Had No Power Charges Again By Itself
    Kill    CP1
    Advance Clock    1 minute
    Feeder Current    Q1    is    0 A
    Restart    CP1
    Charging Current    CP1    settles at    25 A    within=2 minutes


*** Keywords ***
Start Charging At 25 A
    [Documentation]    A three-phase vehicle that has charged for a while.
    Start Site    alfen/alb-modbus-meter
    Plug In Vehicle    CP1    phases=3
    Advance Clock    80 s
    Charging Current    CP1    is    25 A

The House Still Counts
    [Documentation]    What the house draws reaches the station within half a minute; no safe current was ever entered.
    Set Load    house    10 A
    Charging Current    CP1    settles at    15 A    within=45 s
    Get Device Log    CP1    not contains    ActiveLB safeMode
