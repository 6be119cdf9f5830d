import { codeOf } from '@kraud/base';

/** Waits for a call on a guest that may have ended on its own; any other failure stays one. */
export async function ignoring(code: 'conflict', work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    // A lost guest is told by its VM's exit.
    if (codeOf(error) !== code && codeOf(error) !== 'not-found' && codeOf(error) !== 'unavailable')
      throw error;
  }
}
