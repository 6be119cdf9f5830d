export { slicesOf, withSlice } from './slices.ts';
export { addressesOn, hasNames, virtualAddress, withVirtual } from './virtual.ts';
