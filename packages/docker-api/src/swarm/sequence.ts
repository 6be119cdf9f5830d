import { codeOf, messageOf } from '@kraud/base';
import { HttpFault } from '../errors.ts';

/** Swarm's managers tell of a stale version with 500, and clients look for these words. */
export async function outOfSequence<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if (codeOf(error) !== 'conflict' || !messageOf(error).includes('update out of sequence')) throw error;
    throw new HttpFault(500, 'rpc error: code = Unknown desc = update out of sequence');
  }
}
