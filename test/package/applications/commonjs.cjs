'use strict';

require('reflect-metadata');
const common = require('@nestjs/common');
const core = require('@nestjs/core');
const storage = require('nestjs-wx-cloud-storage');
const emulator = require('nestjs-wx-cloud-storage/emulator');
const { roundTrip } = require('./round-trip.cjs');

void roundTrip({ common, core, storage, emulator });
