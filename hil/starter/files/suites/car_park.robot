*** Settings ***
Documentation       Two charging points share a supply line of 40 A.
Resource            hil/keywords/farm.resource
Test Setup          Start Site    sites/car-park.yaml


*** Test Cases ***
One Vehicle Charges With Full Power
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Signalled Current    CP1    settles at    32 A

Two Vehicles Share The Supply Line
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Plug In Vehicle    CP2    phases=3    max_current=32 A
    Signalled Current Of Each Point    settles at    20 A
    Feeder Current    F1    settles at    40 A

The Line Is Never Overloaded While Vehicles Come And Go
    Random Vehicles Come And Go    duration=30 minutes
    Feeder Current    F1    L1    should never exceed    40 A
