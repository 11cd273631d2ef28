*** Settings ***
Documentation       A first vehicle at SITE. The tripwires fail a test on their own: an opened fuse, a conductor
...                 above its limit for more than 65 s, a live socket without a vehicle.
Resource            hil/keywords/farm.resource
Test Setup          Start Site    sites/SITE.yaml


*** Test Cases ***
A Vehicle Comes And Leaves
    Plug In Vehicle    SOCKET    phases=3    max_current=16 A
    Advance Clock    5 minutes
    Feeder Current    supply    should be at most    RATING A
    Unplug Vehicle    SOCKET
