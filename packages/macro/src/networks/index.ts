export { type FixedClaim, fixedClaims, giverOf, withAnswer, withFixed, withoutFixed } from './fixed.ts';
export { slicesOf, withSlice } from './slices.ts';
export { addressesOn, hasNames, virtualAddress, withVirtual } from './virtual.ts';
