*** Settings ***
Documentation       What a tester can do: the example of each stimulus keyword, run as it is documented.
Resource            hil/keywords/farm.resource
Test Tags           keywords


*** Test Cases ***
A Vehicle Comes And Goes
    Start Site    mennekes/car-park
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Plug In Vehicle    CP2    vehicle=zoe
    Retry In Farm Time    1 minute    5 s    Signalled Current    CP1    is    32 A
    Charging Current    CP2    settles at    32 A
    Unplug Vehicle    CP1
    Signalled Current    CP1    settles at    0 A
    Charging Current    CP1    is    0 A

A Full Vehicle Takes Less
    Start Site    mennekes/car-park
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Charging Current    CP4    settles at    32 A
    Vehicle Takes    CP4    6 A
    Charging Current    CP4    settles at    6 A

A Field Of The Site Is Changed For One Test
    Start Site    mennekes/car-park    feeders.F3.fuse.rating_a=63
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Feeder Current    F3    settles at    32 A

Loads And PV
    Start Site    mennekes/meter-excluding    pv.roof.feeder=F2    pv.roof.current_a=0
    Set Load    house    40/30/20 A
    Meter Current    M2    settles at    40/30/20 A
    Set PV    roof    12 A
    Meter Current    M2    settles at    28/18/8 A

A Cable Is Pulled
    Start Site    mennekes/car-park
    Page Should Show    CP1    DLM Connected Slaves    CP3    within=10 s
    Cut Link    CP1    CP3
    Page Should Not Show    CP1    DLM Connected Slaves    CP3    within=65 s
    Restore Link    CP1    CP3
    Page Should Show    CP1    DLM Connected Slaves    CP3    within=65 s

The Meter's Cable Is Pulled
    Start Site    mennekes/meter-excluding
    Page Should Show    CP1    Error(s)    no errors
    Cut Link    M2
    Page Should Show    CP1    Error(s)    External meter not communicating    within=65 s

A Meter Stops Answering
    Start Site    mennekes/meter-excluding
    Plant Fault    M2    timeouts
    Page Should Show    CP1    Error(s)    External meter not communicating    within=65 s
    Plant Fault    M2    none
    Page Should Not Show    CP1    Error(s)    External meter not communicating    within=65 s

A Load That Varies
    Start Site    mennekes/meter-excluding
    Load Varies    house    duration=10 minutes    max_load=70 A
    Get Farm Time    ==    10 minutes

Vehicles Come And Go At Random
    Start Site    mennekes/car-park
    Random Vehicles Come And Go    duration=20 minutes
    Get Farm Time    ==    20 minutes
    Feeder Current    F3    should never exceed    100 A

Habits Do No Harm
    [Documentation]    ``Sleep`` and ``Wait Until Keyword Succeeds`` mean farm time.
    Start Site    mennekes/car-park
    Advance Clock    10 minutes
    Get Farm Time    >=    10 minutes
    Sleep    50 minutes    a coffee
    ${seconds} =    Get Farm Time
    Should Be Equal As Integers    ${seconds}    3600
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Wait Until Keyword Succeeds    1 minute    5 s    Signalled Current    CP1    is    32 A
    Wait Until Keyword Succeeds    3x    5 s    Signalled Current    CP1    is    32 A
