// The application of a contestant, in a separate process.
import 'reflect-metadata';
import { answerQuestions, readParameters } from '../support/processes.mjs';
import { usageAnswers } from '../support/usage.mjs';

const { contestant, cloud } = readParameters();
const { start } = await import(`../contestants/${contestant}.mjs`);
const { url, close } = await start(cloud);
answerQuestions(url, usageAnswers, close);
