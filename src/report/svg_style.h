/* svg_style.h - how svg.c's classes look on a light screen, on a dark one and on paper. */
#ifndef RD_REPORT_SVG_STYLE_H
#define RD_REPORT_SVG_STYLE_H

extern const char rd_svg_style[]; /* <style> and <defs> */

#endif
