/** Of the whole product; `kra` shows the same. */
export const version = '0.1.0';
