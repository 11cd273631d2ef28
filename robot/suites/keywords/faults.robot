*** Settings ***
Documentation       What a tester can break: the example of each fault keyword, run as it is documented.
Resource            hil/keywords/farm.resource
Test Setup          Start Site    mennekes/car-park
Test Tags           keywords    fault


*** Test Cases ***
A Link Is Slow
    [Setup]    Start Site    mennekes/meter-excluding
    Delay Link    CP1    M2    delay=2 s
    Delay Link    CP3    delay=100 ms    jitter=50 ms
    Page Should Show    CP1    Error(s)    External meter not communicating    within=65 s
    Restore Link    CP1    M2
    Page Should Show    CP1    Error(s)    no errors    within=65 s
    Page Should Show    CP1    DLM Connected Slaves    CP3

A Link Loses Packets
    Drop    CP3    loss=20 %
    Drop    CP1    CP3    loss=50 %
    Page Should Show    CP1    DLM Connected Slaves    CP3    within=65 s

Connections Are Reset
    [Setup]    Start Site    mennekes/meter-excluding
    Advance Clock    10 s
    Reset Link    CP1    M2
    Page Should Show    CP1    Error(s)    no errors

A Network Falls Apart
    Page Should Show    CP1    DLM Connected Slaves    CP1, CP2, CP3, CP4    within=10 s
    Partition    CP1, CP2    CP3, CP4
    Wait Until Keyword Succeeds    65 s    1 s    Get Page Field    CP1    DLM Connected Slaves    ==    CP1, CP2
    Heal
    Page Should Show    CP1    DLM Connected Slaves    CP1, CP2, CP3, CP4    within=65 s
    Partition    CP1,CP4 | CP2,CP3
    Wait Until Keyword Succeeds    65 s    1 s    Get Page Field    CP1    DLM Connected Slaves    ==    CP1, CP4

A Device Loses Its Power
    Page Should Show    CP1    DLM Connected Slaves    CP3    within=10 s
    Kill    CP1
    Page Should Show    CP3    DLM Master    none    within=65 s
    Restart    CP1
    Page Should Show    CP1    DLM Connected Slaves    CP3    within=65 s
    Restart    CP3    settings=factory
    Get Parameter    CP3    DLM Master/Slave    ==    Disabled
    Page Should Not Show    CP1    DLM Connected Slaves    CP3    within=65 s

What Cannot Be Is Said
    [Documentation]    Each of these is a mistake of the test's author.
    Run Keyword And Expect Error    *link CP1-CP2 has no fault to undo. Links with faults: none.
    ...    Restore Link    CP1    CP2
    Cut Link    CP1
    Run Keyword And Expect Error    *Links with faults: CP1.    Restore Link    CP1    CP2
    Run Keyword And Expect Error    *a link joins two devices: CP1 is there twice.    Cut Link    CP1    CP1

A Fault That A Device Does Not Have Is Said
    [Documentation]    Each family declares its own, and an argument with a range is held against it.
    [Setup]    Start Site    mennekes/backend-lan
    Run Keyword And Expect Error
    ...    *CP1 has no fault 'smoke'. It has: clock:SECONDS; for all else cut its link or stop it.
    ...    Plant Fault    CP1    smoke
    Run Keyword And Expect Error
    ...    *'clock:soon' is not possible. Allowed: clock:SECONDS with SECONDS from -2000000000 to 2000000000 s.
    ...    Plant Fault    CP1    clock:soon
    Run Keyword And Expect Error    *backend has no fault 'frozen'. It has: closed_port, silent.
    ...    Plant Fault    backend    frozen
    Set Parameter    CP1    Connection Type    No backend
    Save    CP1
    Restart Device    CP1
    Run Keyword And Expect Error    *CP1 has no backend, and without one no fault 'clock:60'.
    ...    Plant Fault    CP1    clock:60

A Wrong Value Is Said
    [Documentation]    Two of them come from variables, for a dry run would refuse them.
    Run Keyword And Expect Error    *loss=100 % is out of range. Allowed: above 0 % and below 100 %*    Drop    CP1    loss=100 %
    Run Keyword And Expect Error    *'20' is not a share. Write it as '20 %'.    Drop    CP1    loss=${{'20'}}
    Run Keyword And Expect Error    *one of them above 0 s.    Delay Link    CP1    delay=0 s
    Run Keyword And Expect Error    *no TCP connection between CP1 and CP2*    Reset Link    CP1    CP2
    Run Keyword And Expect Error    *CP1 is there twice*    Partition    CP1,CP2    CP1,CP3
    Run Keyword And Expect Error    *it takes two groups or more*    Partition    CP1,CP2
    Run Keyword And Expect Error    *'lost'*'kept' or 'factory'*    Restart    CP1    settings=${{'lost'}}

A Serial Cable Can Only Be Cut
    [Setup]    Start Site    alfen/alb-p1
    Run Keyword And Expect Error    *serial cable: it can be cut, not delayed*    Delay Link    P1    CP1    delay=1 s
    Run Keyword And Expect Error    *is a serial cable: it can be cut, not made lossy*    Drop    P1    loss=1 %
    Run Keyword And Expect Error    *is a serial cable: it can be cut, not reset*    Reset Link    P1    CP1

A Device Without Power Does Nothing
    Kill    CP2
    Run Keyword And Expect Error    *CP2 is switched off since *    Kill    CP2
    Run Keyword And Expect Error    *CP2 is switched off since *    Restart Device    CP2
    Run Keyword And Expect Error    DeviceSilent: *    Get Register    CP2    DLM_MODE
    Get Farm Time    >=    2 s    # a port that is only closed says so at once
    Restart    CP2
    Get Register    CP2    DLM_MODE    ==    3

A Device That Hangs Keeps Its Connections
    [Tags]    needs:container    needs:real-time
    Pause    CP1
    Run Keyword And Expect Error    *CP1 is paused since *    Kill    CP1
    Run Keyword And Expect Error    DeviceSilent: *    Get Register    CP1    DLM_MODE
    Resume    CP1
    Get Register    CP1    DLM_MODE    ==    1
