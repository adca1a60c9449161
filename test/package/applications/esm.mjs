import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as storage from 'nestjs-wx-cloud-storage';
import * as emulator from 'nestjs-wx-cloud-storage/emulator';
import { roundTrip } from './round-trip.cjs';

await roundTrip({ common, core, storage, emulator });
