"""What tests of more than one folder share: no test is here, and no folder with tests imports another."""
