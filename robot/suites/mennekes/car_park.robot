*** Settings ***
Documentation       MENNEKES application note 6.1: car park with several charging points on one supply line of 100 A.
Resource            hil/keywords/farm.resource
Test Setup          Start Site    mennekes/car-park
Test Tags           mennekes    dlm


*** Test Cases ***
Three Vehicles Charge With Full Power
    [Tags]    MEN-SUB-002
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    32 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    32 A
    Feeder Current    F3    settles at    96 A

A Fourth Vehicle Shares The Supply Line
    [Tags]    MEN-SUB-001    MEN-SUB-003
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Plug In Vehicle    CP3    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    32 A
    Plug In Vehicle    CP4    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    25 A
    Feeder Current    F3    settles at    100 A
    Feeder Current    F3    L1    should never exceed    100 A
