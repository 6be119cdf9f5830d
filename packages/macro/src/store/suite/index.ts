import { describe } from 'node:test';
import { compactSuite } from './compact.ts';
import { leaseSuite } from './lease.ts';
import { modelSuite } from './model.ts';
import { readSuite } from './read.ts';
import { txnSuite } from './txn.ts';
import { watchSuite } from './watch.ts';
import type { OpenWorld } from './world.ts';

/** The contract's promises as tests. Every engine runs all of them. */
export function storeSuite(name: string, open: OpenWorld): void {
  describe(`store contract: ${name}`, () => {
    readSuite(open);
    txnSuite(open);
    watchSuite(open);
    compactSuite(open);
    leaseSuite(open);
    modelSuite(open);
  });
}
