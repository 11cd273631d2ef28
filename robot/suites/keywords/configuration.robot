*** Settings ***
Documentation       How a tester sets a site and a device up: the example of each of these keywords, run.
Resource            hil/keywords/farm.resource
Test Tags           keywords


*** Test Cases ***
A Parameter Acts After Save And Restart
    Start Site    mennekes/car-park
    Get Parameter    CP1    DLM Network Id    ==    0
    Set Parameter    CP1    DLM Network Id    5
    @{waiting} =    Save    CP1
    Should Be Equal    ${waiting}    ${{["DLM Network Id"]}}
    Restart Device    CP1
    Get Parameter    CP1    DLM Network Id    ==    5
    Configure    CP4    DLM Network Id    5
    Page Should Show    CP1    DLM Connected Slaves    CP4    within=65 s
    Page Should Not Show    CP1    DLM Connected Slaves    CP2    within=65 s

An Edit That Was Not Saved Is Lost
    Start Site    mennekes/car-park
    Set Parameter    CP1    DLM Network Id    5
    Restart Device    CP1
    Get Parameter    CP1    DLM Network Id    ==    0

A Setting Is Set To Something Else Before
    Start Site    mennekes/car-park
    Setting Is Saved And Read Back    CP1    DLM Network Id    5    menu=Load Management > Dynamic Load Management
    Setting Is Saved And Read Back    CP1    DLM Network Id    5
    Setting Is Saved And Read Back    CP1    Installation Current Limit [A]    32    another=20
    Setting Is Saved And Read Back    CP1    EVSE Sub-Distribution Limit (L1/L2/L3) [A]    40/41/42
    Setting Is Saved And Read Back    CP1    Maximum Current Scheduler    6 10/11/12
    Setting Is Saved And Read Back    CP1    Maximum Current Scheduler    6 10/11/12
    Run Keyword And Expect Error    *has DLM Network Id = '5' before it is set*another=*
    ...    Setting Is Saved And Read Back    CP1    DLM Network Id    5    another=5
    Run Keyword And Expect Error    *does not have DLM Network Id in Network > LAN*
    ...    Setting Is Saved And Read Back    CP1    DLM Network Id    5    menu=Network > LAN

What A Form Offers And Refuses
    Start Site    mennekes/car-park
    Parameter Should Be Available    CP1    DLM Network Id
    Parameter Should Be Available    CP1    DLM Network Id    menu=Load Management > Dynamic Load Management
    Parameter Should Not Be Available    CP2    EVSE Sub-Distribution Limit (L1/L2/L3) [A]
    ${id} =    Get Parameter    CP1    DLM Network Id
    Should Be Equal    ${id}    0
    Get Parameter    CP1    Installation Current Limit [A]    <=    32 A
    Parameter Should Refuse    CP1    DLM Master/Slave    DLM Slave (Master-Auto-Recovery)

A Site Is Checked Before It Starts
    Site Check Should Accept    mennekes/car-park
    Site Check Should Say    mennekes/car-park    is negative    loads.x.current_a=-1
