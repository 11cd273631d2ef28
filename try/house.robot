*** Settings ***
Documentation       What the meter shows, and what it does when it fails.
Resource            hil/keywords/farm.resource
Test Setup          Start Site    try/house.yaml


*** Test Cases ***
The Meter Shows What Flows
    Meter Current    M1    settles at    10/0/-2 A
    Get Register    M1    V_L1    ==    230 V
    Get Register    M1    W_SYS    ==    1840 W

A Meter That Does Not Answer
    Plant Fault    M1    timeouts
    Run Keyword And Expect Error    *does not answer*    Get Register    M1    A_L1
