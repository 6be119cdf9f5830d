import { type EmbeddedOptions, EmbeddedStore } from '../embedded/embedded-store.ts';
import { MemoryEngine } from './memory-engine.ts';

/** A store that lives as long as this process: for tests and simulations. */
export function openMemoryStore(options: EmbeddedOptions = {}): EmbeddedStore {
  return new EmbeddedStore(new MemoryEngine(), options);
}
