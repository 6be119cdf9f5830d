import type { Random } from '@kraud/base';
import { KraudError } from '@kraud/base';

const moods =
  'able amber bold brave brisk calm clever cosy crisp daring deft eager early fair fleet fond gentle glad golden happy hardy honest jolly keen kind lively lucid lucky mellow merry mild modest neat nimble noble patient plucky proud quick quiet ready rosy serene sharp shiny silent snug solid spry steady stoic sunny swift tidy tranquil trusty vivid warm wise witty zesty'.split(
    ' ',
  );
const makers =
  'ampere archimedes babbage bell bohr boole cerf curie darwin dijkstra einstein erdos euclid euler faraday fermat feynman franklin galileo gauss goldwasser goodall hamilton hawking hertz hilbert hooke hopper hypatia johnson kepler knuth kovalevskaya lamport lamarr leibniz lovelace maxwell meitner mendel moore napier newton noether pascal pasteur planck ptolemy ramanujan ritchie shannon sutherland tesla thompson torvalds turing volta wing wozniak wright yalow'.split(
    ' ',
  );

/** A name for who gave none, as Docker does: `brave_hopper`, and with a digit once those are taken. */
export function randomName(random: Random, attempt: number): string {
  const mood = moods[random.below(moods.length)];
  const maker = makers[random.below(makers.length)];
  return `${mood}_${maker}${attempt > 0 ? random.below(10) : ''}`;
}

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Docker's rule for container names; a leading slash is dropped. */
export function checkPodName(name: string): string {
  const bare = name.startsWith('/') ? name.slice(1) : name;
  if (!pattern.test(bare)) {
    throw new KraudError(
      'invalid',
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  if (bare.length > 255)
    throw new KraudError('invalid', `Invalid container name: longer than 255 characters`);
  return bare;
}
