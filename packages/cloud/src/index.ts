export type * from '@kraud/host';
export * from './contract.ts';
